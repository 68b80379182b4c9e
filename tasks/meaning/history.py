"""Values against the history of their own series: single ones, whole years, a level that changed, a season that moved.

Amounts (cases, rain, people, yields) are compared as ratios, levels (temperature, indices) as differences in units of
the column's usual change from one period to the next. All thresholds were set on public files of eleven countries
(`docs/data.md` has what they find, and what they miss).
"""

from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import Array, Records

ENOUGH = 24  # periods of a series below which it has no history
NEAR = 2  # periods on each side that a value is compared with
CHANGES = 6.0  # usual changes beyond all of them
UNLIKE_PERIODS = 96  # of a series from which its own largest surprise is a measure
BENDS = 4.0  # usual bends of the line through three periods
SENTINELS = (99, 999, 999.9, 9999, 9999.9, 99999, 999999)
REMEDY = "Check the value against its source; accept it in accepted.toml if it is right"


def far(records: Records) -> Iterator[Problem]:
    """A warning for each value far beyond the periods around it and beyond the same season of other years."""
    for name in records.compared():
        values, log = _scaled(records, name)
        low, high = around(values, NEAR)
        limit = np.log(records.columns[name].ratio) if log else CHANGES
        beyond = outside(values, low, high) - limit
        usual = outside(values, *other_years(values, records.year)) if records.year > 1 else np.ones_like(values)
        odd = (beyond > 0) & ((usual > 0) | np.isnan(usual) | (beyond > limit / 2))
        if records.year > 1 or not log:
            odd |= _unlike_any(values, usual, outside(values, low, high), seasonal=log)
        odd &= np.isfinite(values).sum(axis=1, keepdims=True) >= ENOUGH
        for code, time in np.argwhere(odd):
            ends = [_natural(records, name, each[code, time]) for each in (low, high)]
            what = f"is far from {ends[0]:.4g} to {ends[1]:.4g} of the periods around it"
            yield records.problem(int(records.at[code, time]), name, "far", what, REMEDY)


def _unlike_any(values: Array, usual: Array, beyond: Array, seasonal: bool) -> Array:
    """(S, T) the one value of a series that is out of line by far more than any other of it.

    usual, beyond: how far values lie outside of their season and of the periods around them. An amount is out of line
    with the same season of other years, a level with the line from the period before to the one after.
    """
    if seasonal:
        whole = np.isfinite(values).sum(axis=1, keepdims=True) >= UNLIKE_PERIODS
        return np.asarray(whole & (beyond > 0) & (usual > np.maximum(np.log(1.5), 2 * _next_largest(usual))))
    bend = np.zeros(values.shape)
    bend[:, 1:-1] = np.nan_to_num(np.abs(values[:, 1:-1] - (values[:, :-2] + values[:, 2:]) / 2))
    known = bend[bend > 0]
    return np.asarray(bend > np.maximum(BENDS * np.median(known) if len(known) else np.inf, 1.6 * _next_largest(bend)))


def _next_largest(values: Array) -> Array:
    """(S, T) the largest of the other values of each series."""
    filled = np.nan_to_num(values)
    if filled.shape[1] < 2:
        return np.full(filled.shape, np.inf)
    ends = np.partition(filled, -2, axis=1)[:, -2:]
    return np.where(filled == ends[:, 1:], ends[:, :1], ends[:, 1:])


def levels(records: Records) -> Iterator[Problem]:
    """A warning for each year whose mean is several times that of the years around it, and for a lasting step."""
    for name in records.compared():
        if records.columns[name].history != "log" or records.year == 1:
            continue
        years, begin = yearly(records, name)
        low, high = around(years, NEAR)
        limit = np.log(records.columns[name].yearly)
        odd = outside(years, low, high) > limit
        steps = _steps(years, limit)
        for code, year in np.argwhere(odd | steps):
            here = records.at[code, max(begin + year * records.year, 0) : begin + (year + 1) * records.year]
            rows = here[here >= 0]
            what = "begins a year that is several times the years around it" if odd[code, year] else "begins years on"
            what += "" if odd[code, year] else " another level than all years before"
            if len(rows):
                yield records.problem(int(rows[0]), name, "level", f"{what}, as another unit would", REMEDY)


def sentinels(records: Records) -> Iterator[Problem]:
    """A warning for each 999 and the like that is beyond all else in its series: often a code for "missing"."""
    for name in records.compared():
        if records.columns[name].history != "log":
            continue
        values = records.matrix(name)
        marked = np.isin(values, SENTINELS)
        if not marked.any():
            continue
        most = np.max(np.where(marked | ~np.isfinite(values), -np.inf, values), axis=1, keepdims=True)
        for code, time in np.argwhere(marked & (values > most)):
            what = "looks like a code for a missing value"
            yield records.problem(
                int(records.at[code, time]), name, "sentinel", what, "Leave it empty if it is missing"
            )


def around(values: Array, reach: int) -> tuple[Array, Array]:
    """(S, T) the least and the largest of up to `reach` known periods on each side; NaN where none is known."""
    low, high = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    for step in range(1, min(reach, values.shape[1] - 1) + 1):
        for mine, other in ((slice(step, None), slice(None, -step)), (slice(None, -step), slice(step, None))):
            low[:, mine] = np.fmin(low[:, mine], values[:, other])
            high[:, mine] = np.fmax(high[:, mine], values[:, other])
    return low, high


def other_years(values: Array, year: int) -> tuple[Array, Array]:
    """(S, T) the least and the largest of the same season in all other years."""
    low, high = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    for season in range(min(year, values.shape[1])):
        for ends, sign in ((low, 1), (high, -1)):
            same = np.where(np.isfinite(values[:, season::year]), sign * values[:, season::year], np.inf)
            if same.shape[1] > 1:
                least = np.partition(same, 1, axis=1)[:, :2]
                other = np.where(same == least[:, :1], least[:, 1:], least[:, :1])
                ends[:, season::year] = np.where(np.isfinite(other), sign * other, np.nan)
    return low, high


def outside(values: Array, low: Array, high: Array) -> Array:
    """How far values lie beyond the ends, 0 between them, NaN where either is unknown."""
    return np.asarray(np.maximum(np.maximum(low - values, values - high), 0))


def yearly(records: Records, name: str) -> tuple[Array, int]:
    """(S, Y) log of the mean of each calendar year, NaN where half a year is missing; where the first begins."""
    values, year = records.matrix(name), records.year
    begin = -records.start
    pad = (-begin, -(values.shape[1] - begin) % year)
    cut = np.pad(values, ((0, 0), pad), constant_values=np.nan).reshape(len(values), -1, year)
    known = np.isfinite(cut)
    mean = np.where(known, cut, 0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    return np.where(known.sum(axis=2) > year // 2, np.log(mean + records.columns[name].offset / 3), np.nan), begin


def _scaled(records: Records, name: str) -> tuple[Array, bool]:
    """(S, T) logs of amounts; levels in usual changes."""
    values, column = records.matrix(name), records.columns[name]
    if column.history == "log":
        return np.log(np.maximum(values, 0) + column.offset), True
    return values / _change(values), False


def _change(values: Array) -> float:
    """The usual change of the whole column from one period to the next."""
    change = np.abs(np.diff(values, axis=1))
    known = change[np.isfinite(change)]
    return max(float(np.median(known)), 1e-9) if len(known) else 1.0


def _natural(records: Records, name: str, value: float) -> float:
    column = records.columns[name]
    if column.history == "log":
        return round(float(np.exp(value) - column.offset), 6) + 0.0
    return float(value * _change(records.matrix(name)))


def _steps(years: Array, limit: float) -> Array:
    """(S, Y) the first year of a lasting step: all later years beyond all earlier ones, three at least on each side."""
    steps = np.zeros(years.shape, dtype=bool)
    for year in range(3, years.shape[1] - 2):
        before, after = years[:, :year], years[:, year:]
        enough = (np.isfinite(before).sum(axis=1) >= 3) & (np.isfinite(after).sum(axis=1) >= 3)
        least, most = (np.fmin.reduce(after, axis=1), np.fmax.reduce(before, axis=1))
        up = least - most > limit
        least, most = (np.fmin.reduce(before, axis=1), np.fmax.reduce(after, axis=1))
        steps[:, year] = enough & (up | (least - most > limit))
    return steps
