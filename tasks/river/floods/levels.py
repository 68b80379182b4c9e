"""The flow that a gauge reaches once in so many years: what counts as a flood. Of the training years alone.

A hydrological year is October to September, named by the year it ends in. It counts if nine of ten of its days were
measured and all of it is training. A return level is that of a Gumbel distribution of the annual maxima, fitted by
L-moments: with the mean m and half of the mean difference of two years l, scale = l / ln 2, place = m - .5772 scale,
level(T) = place - scale ln(-ln(1 - 1 / T)).
Source: Hosking (1990), https://doi.org/10.1111/j.2517-6161.1990.tb01775.x
"""

from math import log

import numpy as np

from tasks.data import Array, Panel
from tasks.river.settings import RiverSettings
from tasks.windows import training_periods

RETURN_PERIODS = (2, 5)  # years
LEAST_YEARS = {2: 10, 5: 20}  # hydrological years of training that a level of this return period needs
KNOWN_DAYS = 329  # of a year whose maximum counts
EULER = 0.5772156649


def levels(panel: Panel, settings: RiverSettings) -> Array:
    """(P, 2) mm/d of RETURN_PERIODS, NaN where too few years are known."""
    maxima = annual_maxima(panel, settings)
    found = np.full((len(panel.places), len(RETURN_PERIODS)), np.nan)
    for place, of_years in enumerate(maxima):
        known = of_years[np.isfinite(of_years)]
        for column, years in enumerate(RETURN_PERIODS):
            if len(known) >= LEAST_YEARS[years]:
                found[place, column] = gumbel(known, years)
    return found


def annual_maxima(panel: Panel, settings: RiverSettings) -> Array:
    """(P, Y) largest flow of each hydrological year of the training, NaN of a year of which too little is known."""
    trained = training_periods(panel.periods, settings.calendar)
    year = (panel.periods[:trained].astype("datetime64[M]") + 3).astype("datetime64[Y]")
    flow = panel.target[:, :trained]
    known = np.isfinite(flow)
    each = np.unique(year)
    maxima = np.full((len(panel.places), len(each)), np.nan)
    for column, one in enumerate(each):
        days = year == one
        enough = known[:, days].sum(axis=1) >= KNOWN_DAYS
        maxima[enough, column] = np.where(known, flow, -np.inf)[enough][:, days].max(axis=1, initial=-np.inf)
    return maxima


def gumbel(maxima: Array, years: float) -> float:
    """The level of a return period from (Y,) annual maxima."""
    ordered = np.sort(maxima)
    count = len(ordered)
    half_difference = ((2 * np.arange(count) - count + 1) * ordered).sum() / (count * (count - 1))
    scale = half_difference / log(2)
    return float(ordered.mean() - EULER * scale - scale * log(-log(1 - 1 / years)))


def none_because(panel: Panel, settings: RiverSettings) -> str:
    """Why gauges of a country have no level, in a line; empty where all have both."""
    found = levels(panel, settings)
    lacking = {years: int(np.isnan(found[:, column]).sum()) for column, years in enumerate(RETURN_PERIODS)}
    said = [
        f"{count} of {len(panel.places)} gauges have no {years}-year level, which needs {LEAST_YEARS[years]} "
        f"hydrological years of training"
        for years, count in lacking.items()
        if count
    ]
    return "; ".join(said)
