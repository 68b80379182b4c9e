"""Whether a country's records still look as they did: one monthly number for every column that a model sees.

A column becomes the mean over places of its anomaly: how far a place's value is from the same month in the five years
before, so that a steady trend is no news. What is not negative is taken as log1p. Columns that stay as they are within
every year, such as population, say nothing by the month and are left out.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from tasks.data import Array, Panel
from tasks.windows import month_of_year

YEARS, LEAST = 5, 3  # years before of a month that an anomaly is measured by, and how many of them have to be known
SLOWEST = 0.9  # correlation of neighbouring months from which on five years show nothing, as of an ocean's index
MOVES = 0.25  # of the known neighbouring months of a column at least that share differs


def anomalies(panel: Panel, records: str) -> dict[str, Array]:
    """Column -> (T,), NaN where nothing is known. records: what the target is called."""
    return {name: _of_country(values, panel.periods) for name, values in _columns(panel, records)}


def is_slow(series: Array) -> bool:
    """Whether a (T,) column moves too slowly to be charted."""
    before, after = series[:-1], series[1:]
    both = np.isfinite(before) & np.isfinite(after)
    moves = both.sum() > 2 and before[both].std() > 0 and after[both].std() > 0
    return bool(moves and np.corrcoef(before[both], after[both])[0, 1] >= SLOWEST)


def _columns(panel: Panel, records: str) -> Iterator[tuple[str, Array]]:
    columns: Mapping[str, Array] = {records: panel.target, **panel.covariates}
    for name, values in columns.items():
        step = np.diff(values, axis=1)
        known = np.isfinite(step)
        if known.any() and (step[known] != 0).mean() >= MOVES:
            lowest = values[np.isfinite(values)].min()
            yield name, np.log1p(values) if lowest >= 0 else values


def _of_country(values: Array, periods: Array) -> Array:
    """(P, T) -> (T,) mean over the places that are known, of anomalies of one variance whatever the years known."""
    month = month_of_year(periods)
    result = np.full(values.shape[1], np.nan)
    for at in range(values.shape[1]):
        past = values[:, np.flatnonzero(month[:at] == month[at])[-YEARS:]]
        years = np.isfinite(past).sum(axis=1)
        usual = np.nansum(past, axis=1) / np.maximum(years, 1)
        usable = (years >= LEAST) & np.isfinite(values[:, at])
        if usable.any():
            left = values[usable, at] - usual[usable]
            result[at] = np.mean(left / np.sqrt(1 + 1 / years[usable]))
    return result
