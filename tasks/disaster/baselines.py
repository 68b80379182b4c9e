"""Forecasts that any warning must beat, each from what was known at its origin: (N, H, 1) probabilities."""

import numpy as np
from scipy.special import expit, logit

from tasks.data import Array, Panel, Windows
from tasks.disaster.climatology import RAREST, cell_month, country_month
from tasks.disaster.events import Course, follow
from tasks.disaster.settings import DisasterSettings
from tasks.windows import ahead

STATE = {"drought": 3, "rain": 1}  # months summed into the index that is the present state; flood: the event itself
RIDGE = 1.0  # training months that pull towards the climatology, which remains where there are none


def cell_climatology(panel: Panel, windows: Windows, settings: DisasterSettings) -> Array:
    """Smoothed past-only frequency of the cell at this time of the year."""
    return _at(ahead(cell_month(follow(panel, settings).event), settings.horizons), panel, windows)


def country_month_climatology(panel: Panel, windows: Windows, settings: DisasterSettings) -> Array:
    """The same of the whole country."""
    event = follow(panel, settings).event
    usual = np.broadcast_to(country_month(event), event.shape)
    return _at(ahead(usual, settings.horizons), panel, windows)


def persistence(panel: Panel, windows: Windows, settings: DisasterSettings) -> Array:
    """A logistic regression on the cell's climatology and present state, fitted on the country's training months.

    The state is SPI-3 for drought, SPI-1 for extreme rain, and whether a flood began this month for floods. SPI-3 one
    and two months ahead shares two and one of its months with the present: skill there is partly arithmetic.
    """
    course = follow(panel, settings)
    usual = ahead(logit(np.clip(cell_month(course.event), RAREST, 1 - RAREST)), settings.horizons)
    state = np.broadcast_to(_state(course, settings)[..., None], usual.shape)
    table = np.stack([np.ones_like(usual), usual, state], axis=-1)
    coming = ahead(course.event, settings.horizons)
    for lead in range(1, settings.horizons + 1):
        coming[:, course.periods + lead > settings.calendar.cuts()[0], lead - 1] = np.nan
    fitted = np.stack([logistic(table[:, :, h], coming[:, :, h]) for h in range(settings.horizons)])
    return _at(expit((np.nan_to_num(table) * fitted).sum(axis=-1)), panel, windows)


def logistic(table: Array, event: Array) -> Array:
    """(F,) coefficients of maximum likelihood for (..., F) predictors and (...) events; rows with a NaN do not count.

    A ridge of one training month pulls towards the second predictor alone, with coefficient 1.
    """
    rows = np.isfinite(event) & np.isfinite(table).all(axis=-1)
    known, happened = table[rows], event[rows]
    centre = np.eye(table.shape[-1])[1]

    def cost(tried: Array) -> tuple[float, Array]:
        score, shift = known @ tried, tried - centre
        value = (np.logaddexp(0, score) - happened * score).sum() + RIDGE * (shift @ shift) / 2
        return value, known.T @ (expit(score) - happened) + RIDGE * shift

    from scipy.optimize import minimize  # half a second that few commands need

    return np.asarray(minimize(cost, centre, jac=True, method="L-BFGS-B").x)


def _state(course: Course, settings: DisasterSettings) -> Array:
    """(P, T + H); where it is unknown, the usual one."""
    if settings.hazard in STATE:
        return np.asarray(np.nan_to_num(course.index(STATE[settings.hazard])))
    return np.asarray(np.nan_to_num(course.event))


def _at(forecast: Array, panel: Panel, windows: Windows) -> Array:
    """(P, T + H, H) forecasts by origin -> (N, H, 1) of the windows."""
    origin = (windows.origin - panel.periods[0]).astype(np.int64)
    return np.asarray(forecast[windows.place, origin][..., None])
