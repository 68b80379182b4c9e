"""Gauges that say nearly the same: the changes of the root of flow from day to day go together."""

import numpy as np

from tasks.data import Array, Panel
from tasks.river.settings import RiverSettings
from tasks.windows import training_periods

TWIN = 0.9  # correlation
COMMON = 365  # days that both measured


def correlations(one: Array, other: Array) -> Array:
    """(P, Q) of the changes of the root of (P, T) and (Q, T) flows, each less its own mean; 0 with few common days."""
    mine, theirs = _changes(one), _changes(other)
    known, there = (np.isfinite(each).astype(float) for each in (mine, theirs))
    mine, theirs = (np.nan_to_num(each - _mean(each)[:, None]) for each in (mine, theirs))
    common = known @ there.T
    size = np.sqrt((np.square(mine) @ there.T) * (known @ np.square(theirs).T))
    return np.where((common >= COMMON) & (size > 0), mine @ theirs.T / np.where(size > 0, size, 1.0), 0.0)


def has_twin(panel: Panel, settings: RiverSettings) -> Array:
    """(P,) whether a gauge has a twin in its own country, by the training years alone."""
    flow = panel.target[:, : training_periods(panel.periods, settings.calendar)]
    related = correlations(flow, flow)
    np.fill_diagonal(related, 0.0)
    return np.asarray(related.max(axis=1, initial=0.0) >= TWIN)


def _changes(flow: Array) -> Array:
    return np.diff(np.sqrt(np.maximum(flow, 0.0)), axis=1)


def _mean(values: Array) -> Array:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1))
