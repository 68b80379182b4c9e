"""What is usual in a place, as known at each origin: level, spread and season of a (P, T) series.

Level and season are running: an origin sees its own past, whatever the calendar. The spread, which divides what the
model sees and forecasts, is running too until the training months end, and stays there: it is fitted on them alone.
"""

import numpy as np

from tasks.data import Array

LEAST = 12  # known training months that fix the spread of a place; with fewer it goes on running
PRIOR = 12.0  # months of the country's spread that are added to the place's own
SEASON_PRIOR = 3.0  # values of the country's season that are added to the place's own
SMALLEST = 0.1  # spread, in the unit of the values; a place that never reported a case has none of its own


def level(values: Array) -> Array:
    """Mean of the values known so far: (P, T) -> (P, T); 0 before the first."""
    count, total = _running(values)
    return np.asarray(total / np.maximum(count, 1))


def spread(values: Array, trained: int, *, shared: bool = True) -> Array:
    """Standard deviation (P, T) by origin, shrunk to the country's; the first `trained` months are training.

    shared: whether places lean on the country's; else each leans on 1, whatever the others report.
    """
    count, total = _running(values)
    squares = np.cumsum(np.where(np.isfinite(values), values, 0.0) ** 2, axis=1)
    now = np.arange(values.shape[1])
    fixed = count[:, trained - 1] >= LEAST if trained else np.zeros(len(values), bool)
    until = np.where(fixed[:, None], np.minimum(now, trained - 1), now)
    count, total, squares = (np.take_along_axis(each, until, axis=1) for each in (count, total, squares))
    around = np.maximum(squares - total**2 / np.maximum(count, 1), 0.0)
    country = np.ones(values.shape[1])
    if shared:
        known = fixed[:, None] | (now < trained - 1) | (not fixed.any())  # who will be fixed is not known yet
        country = ((around * known).sum(axis=0) + 1.0) / ((count * known).sum(axis=0) + 1.0)
    return np.asarray(np.maximum(np.sqrt((around + PRIOR * country) / (count + PRIOR)), SMALLEST))


def season(
    values: Array, month: Array, scale: Array, *, shared: bool = True, phases: int = 12, within: int = 1
) -> Array:
    """Usual deviation from the level in each month of the year and its neighbours: (P, T, 12) by origin.

    month: (T,) 0 to 11; scale: (P, T) spread, in units of which places share the country's season.
    shared: whether they do; else a place that knows little has little season.
    phases, within: other parts of the year than months, and how many neighbours on each side count as the same.
    """
    usual = level(values)
    total, count = np.zeros((*values.shape, phases)), np.zeros((*values.shape, phases))
    for phase in range(phases):
        near = (month - phase + within) % phases <= 2 * within
        count[..., phase], total[..., phase] = _running(np.where(near, values, np.nan))
    total -= count * usual[..., None]
    country = np.zeros(total.shape[1:])
    if shared:
        country = (total / scale[..., None]).sum(axis=0) / (count.sum(axis=0) + SEASON_PRIOR)
    return np.asarray((total + SEASON_PRIOR * scale[..., None] * country) / (count + SEASON_PRIOR))


def _running(values: Array) -> tuple[Array, Array]:
    """Count and sum of the values known so far: (P, T) each."""
    known = np.isfinite(values)
    return np.cumsum(known, axis=1).astype(float), np.cumsum(np.where(known, values, 0.0), axis=1)
