"""How often the event came at this time of the year, in earlier years only."""

import numpy as np

from tasks.data import Array
from tasks.windows import lagged

CELL = 10.0  # reported months of the country that a cell's own record must outweigh
COUNTRY = 2.0  # the same for the prior below, which therefore only speaks where hardly anything is on record
PRIOR = 0.1
RAREST = 1e-3  # where a model starts from at least; a few decades know nothing rarer
SPREAD = (-1, 0, 1)  # months of the year around the one forecast


def cell_month(event: Array) -> Array:
    """Probability for each cell and month: (P, T) events -> (P, T).

    The frequency among the same month and its two neighbours of all earlier years, shrunk towards the country's. Years
    are counted back from the month itself: the latest month used lies 11 before, so that at a lead below 12 months
    nothing after the origin counts, and a December is no climatology of the January after it.
    """
    events, reported = _past(event)
    return _shrunk(events, reported, country_month(event), CELL)


def country_month(event: Array) -> Array:
    """The same for the whole country: (P, T) -> (1, T)."""
    events, reported = (each.sum(axis=0, keepdims=True) for each in _past(event))
    return _shrunk(events, reported, np.full(events.shape, PRIOR), COUNTRY)


def _past(event: Array) -> tuple[Array, Array]:
    """(P, T) events, and months on record, among the months 12 k - 1, 12 k, 12 k + 1 before, k = 1, 2, ..."""
    lags = [12 * k + offset for k in range(1, event.shape[1] // 12 + 2) for offset in SPREAD]
    events, reported = np.zeros_like(event), np.zeros_like(event)
    for lag in lags:
        earlier = lagged(event, [lag])[..., 0]
        events += np.where(np.isfinite(earlier), earlier, 0.0)
        reported += np.isfinite(earlier)
    return events, reported


def _shrunk(events: Array, reported: Array, prior: Array, weight: float) -> Array:
    return (events + weight * prior) / (reported + weight)
