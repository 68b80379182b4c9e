"""ALPS, the Alert for Price Spikes of the World Food Programme: how far a price stands above its usual course.

The usual course is a line through the series and a level for each month of the year, by least squares over the months
known at the origin. The indicator is (price - usual course) / standard deviation of the residuals: normal below .25,
stress from .25, alert from 1, crisis from 2. A series counts from three years on, with a price in 70 % of its months.
The guidance estimates the course once on the whole series; here every origin has its own, that of its past.
Source: World Food Programme (2014), Technical Guidance Note: Calculation and Use of the ALPS Indicator,
http://www.wfp.org/content/technical-guidance-note-calculation-use-alert-price-spikes-alps-indicator-april-2014
"""

from collections.abc import Mapping

import numpy as np

from tasks.data import Array
from tasks.prices.settings import LEADS
from tasks.windows import month_of_year

STAGES: Mapping[str, float] = {"stress": 0.25, "alert": 1.0, "crisis": 2.0}  # stage -> deviations from which on
WARNED = "alert"  # the stage whose warnings are scored
YEAR = 12
LEAST, SHARE = 36, 0.7  # months with a price, and their share of the months since the first
COEFFICIENTS = YEAR + 1
RIDGE = 1e-9  # a month of the year without a price leaves the equations solvable; its course is unknown
FLAT = 1e-3  # residuals, relative to the price, that are no spread


def usual_course(prices: Array, periods: Array) -> tuple[Array, Array]:
    """The course at each origin and lead, and the deviation: (P, T) -> (P, T, 3) and (P, T), in units of the price.

    NaN where the series does not count yet, where the month due never had a price, or where the price never moved.
    periods: (T,) datetime64[M].
    """
    places, length = prices.shape
    row, due = _design(periods), np.stack([_design(periods + lead) for lead in LEADS])
    course, deviation = np.full((places, length, len(LEADS)), np.nan), np.full((places, length), np.nan)
    known = np.isfinite(prices)
    values = np.where(known, prices, 0.0)
    since = np.cumsum(np.cumsum(known, axis=1) > 0, axis=1)
    matrix, side = np.zeros((places, COEFFICIENTS, COEFFICIENTS)), np.zeros((places, COEFFICIENTS))
    squares, count = np.zeros(places), np.zeros(places)
    for at in range(length):
        matrix += known[:, at, None, None] * np.outer(row[at], row[at])
        side += values[:, at, None] * row[at]
        squares, count = squares + values[:, at] ** 2, count + known[:, at]
        counts = np.flatnonzero(known[:, at] & (count >= LEAST) & (count >= SHARE * since[:, at]))
        fitted = np.linalg.solve(matrix[counts] + RIDGE * np.eye(COEFFICIENTS), side[counts][..., None])[..., 0]
        left = np.maximum(squares[counts] - (fitted * side[counts]).sum(axis=1), 0) / (count[counts] - COEFFICIENTS)
        spread = np.sqrt(left)
        deviation[counts, at] = np.where(spread > FLAT * prices[counts, at], spread, np.nan)
        seen = matrix[counts][:, np.arange(YEAR), np.arange(YEAR)] @ due[:, at, :YEAR].T > 0
        course[counts, at] = np.where(seen, fitted @ due[:, at].T, np.nan)
    return course, deviation


def _design(periods: Array) -> Array:
    """(T,) -> (T, 13): a column a month of the year, and years since 2000."""
    years = (periods.astype("datetime64[M]").astype(np.int64) - 30 * YEAR) / YEAR
    return np.concatenate([np.eye(YEAR)[month_of_year(periods)], years[:, None]], axis=1)
