"""Values against the history of their own series: single ones, whole years, a level that changed.

Thresholds were set on public files of eleven countries (`docs/data.md` has what they find, and what they miss).
"""

from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.expected import Expected, chauvenet, expected, natural, scaled
from tasks.meaning.records import Array, Records

ENOUGH = 24  # periods of a series below which it has no history
OWN = 3  # years of a series, of which one says little of what the season usually is
ALONE, GAP = 2.0, 1.4  # usual differences, and times the next largest one, from which a value stands alone
LEAST = 1.5  # an amount within this ratio of what is expected is not far
NEAR = 2  # years on each side that a year's level is compared with
SENTINELS = (99, 999, 999.9, 9999, 9999.9, 99999, 999999)
REMEDY = "Check the value against its source; accept it in accepted.toml if it is right"


def far(records: Records) -> Iterator[Problem]:
    """A warning for each value far from what its season, periods, neighbours and other columns let expect.

    How far is far grows with the number of the column's values, by Chauvenet's criterion.
    """
    for name in records.compared():
        values, known = records.matrix(name), expected(records, name)
        away = np.abs(scaled(records, name, values) - known.mean)
        reach = chauvenet(known.known) * known.spread
        odd = _is_far(records, name, values, known, _alone(away / known.spread)) & (_long(values) | _extreme(values))
        for code, time in np.argwhere(odd):
            beyond = away[code, time] > reach[code, time]
            width = reach[code, time] if beyond else ALONE * known.spread[code, time]
            ends = [known.mean[code, time] + side * width for side in (-1, 1)]
            low, high = (natural(records, name, each) for each in ends)
            what = (
                f"is far from {low:.4g} to {high:.4g}, which its season, the periods around and other records suggest"
            )
            yield records.problem(int(records.at[code, time]), name, "far", what, REMEDY)


def tenfold(records: Records) -> Iterator[tuple[str, Array]]:
    """(column, (S, T) True for each amount that `far` would pass at ten times or a tenth of it as well).

    Which of them is right only a second number can say. What the others let expect is taken not to change with it; so
    of a series of less than OWN years, where a value is half of what it should be itself, every amount is one.
    """
    for name in records.compared():
        column, values = records.columns[name], records.matrix(name)
        if column.history != "log" or column.shared:
            continue
        known = expected(records, name)
        distance = np.abs(scaled(records, name, values) - known.mean) / known.spread
        furthest = max(ALONE, GAP * float(np.nanmax(distance)))
        own_years = np.isfinite(values).sum(axis=1, keepdims=True) >= max(OWN * records.year, ENOUGH)
        passes = np.zeros(values.shape, dtype=bool)
        for factor in (10.0, 0.1):
            other = values * factor
            alone = np.abs(scaled(records, name, other) - known.mean) / known.spread > furthest
            beyond = (other < np.nanmin(values)) | (other > np.nanmax(values))
            seen = _is_far(records, name, other, known, alone) & (_long(values) | beyond) & own_years
            possible = (other >= column.low) & (other <= column.high)
            possible &= np.isclose(other, np.round(other)) if column.whole else True
            passes |= possible & ~seen
        yield name, passes & (values > 0)


def _is_far(records: Records, name: str, values: Array, known: Expected, alone: Array) -> Array:
    """(S, T) whether values are too far from what is expected of them, in a series that has a history."""
    away = np.abs(scaled(records, name, values) - known.mean)
    odd = (away > chauvenet(known.known) * known.spread) | alone
    return np.asarray(odd & (away > np.log(LEAST)) if records.columns[name].history == "log" else odd)


def _long(values: Array) -> Array:
    """(S, 1) whether a series has a history."""
    return np.asarray(np.isfinite(values).sum(axis=1, keepdims=True) >= ENOUGH)


def _alone(distance: Array) -> Array:
    """(S, T) True for the one value that is much further from what is expected than all others of the column.

    In a small file this is less than what Chauvenet's criterion asks. Those next to it in time are not counted, for it
    is a part of what they are expected to be.
    """
    known = np.nan_to_num(distance)
    code, time = np.unravel_index(np.argmax(known), known.shape)
    furthest, rest = known[code, time], known.copy()
    rest[code, max(time - 1, 0) : time + 2] = 0
    marked = np.zeros(known.shape, dtype=bool)
    marked[code, time] = furthest > max(ALONE, GAP * rest.max())
    return marked


def _extreme(values: Array) -> Array:
    """(S, T) True for what is beyond all other values of the column: by that a value of a short series is seen."""
    known = np.sort(values[np.isfinite(values)])
    if len(known) < ENOUGH:
        return np.zeros(values.shape, dtype=bool)
    return np.asarray((values < known[1]) | (values > known[-2]))


def levels(records: Records) -> Iterator[Problem]:
    """A warning for each year whose mean is several times that of the years around it, and for a lasting step."""
    for name in records.compared():
        if records.columns[name].history != "log" or records.year == 1:
            continue
        years = yearly(records, name)
        low, high = around(years, NEAR)
        limit = np.log(records.columns[name].yearly)
        odd = outside(years, low, high) > limit
        steps = _steps(years, limit)
        for code, year in np.argwhere(odd | steps):
            here = records.at[code, max(records.new_years[year], 0) : records.new_years[year + 1]]
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


def outside(values: Array, low: Array, high: Array) -> Array:
    """How far values lie beyond the ends, 0 between them, NaN where either is unknown."""
    return np.asarray(np.maximum(np.maximum(low - values, values - high), 0))


def yearly(records: Records, name: str) -> Array:
    """(S, Y) log of the mean of each calendar year, NaN where half a year is missing."""
    values = records.matrix(name)
    begins = np.maximum(records.new_years[:-1], 0)
    total, known = (np.add.reduceat(each, begins, axis=1) for each in (np.nan_to_num(values), np.isfinite(values) * 1))
    mean = np.log(total / np.maximum(known, 1) + records.columns[name].offset / 3)
    return np.asarray(np.where(known > records.year // 2, mean, np.nan))


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
