"""A season that has moved: months of a place shifted in its file, or days and months exchanged."""

from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import Array, Records

YEARS = 3  # on each side of the change
CLEAR = 0.85  # correlation of the two seasons when one is moved
APART = 0.5  # what it is more than without moving
STRONG = 0.6  # length of the mean season over the mean length of seasons: every year has the same one
MONTHS = 2  # moved by so many at least


def season(records: Records) -> Iterator[Problem]:
    """A warning for each series whose season lies months later or earlier in a part of its years."""
    if records.year != 12:
        return
    for name in records.compared():
        cycles = _cycles(records, name)
        if cycles is None:
            continue
        for code, year, by in _moved(cycles):
            begin = year * 12 - records.start
            rows = records.at[code, max(begin, 0) : begin + 12]
            if (rows >= 0).any():
                what = f"begins years whose season lies {by} months from that of the years before"
                remedy = "Check the months of this place from here on"
                yield records.problem(int(rows[rows >= 0][0]), name, "season", what, remedy)


def _cycles(records: Records, name: str) -> Array | None:
    """(S, Y, 12) values less their year's mean, over its spread; NaN for years with a month missing."""
    values = records.matrix(name)
    if records.columns[name].history == "log":
        values = np.log(np.maximum(values, 0) + records.columns[name].offset)
    pad = (records.start, -(values.shape[1] + records.start) % 12)
    years = np.pad(values, ((0, 0), pad), constant_values=np.nan).reshape(len(values), -1, 12)
    if years.shape[1] < 2 * YEARS:
        return None
    return np.asarray(years - years.mean(axis=2, keepdims=True))


def _moved(cycles: Array) -> Iterator[tuple[int, int, int]]:
    """(series, year, months) of the clearest change of each series that has one."""
    known = np.asarray(np.isfinite(cycles).all(axis=2))
    filled = np.where(known[..., None], cycles, 0)
    total, count = np.cumsum(filled, axis=1), np.cumsum(known, axis=1)
    length = np.cumsum(np.linalg.norm(filled, axis=2), axis=1)
    best, where, by = np.full(len(cycles), APART), np.zeros(len(cycles), int), np.zeros(len(cycles), int)
    for year in range(YEARS, cycles.shape[1] - YEARS + 1):
        enough = (count[:, year - 1] >= YEARS) & (count[:, -1] - count[:, year - 1] >= YEARS)
        sides = (
            (total[:, year - 1], length[:, year - 1]),
            (total[:, -1] - total[:, year - 1], length[:, -1] - length[:, year - 1]),
        )
        for season, size in sides:
            enough &= np.linalg.norm(season, axis=1) > STRONG * size
        before, after = _unit(sides[0][0]), _unit(sides[1][0])
        fit = np.stack([(before * np.roll(after, shift, axis=1)).sum(axis=1) for shift in range(12)])
        shift = fit.argmax(axis=0)
        top = fit.max(axis=0)
        gain = np.where(enough & (top > CLEAR) & (np.minimum(shift, 12 - shift) >= MONTHS), top - fit[0], 0)
        better = gain > best
        best, where, by = np.where(better, gain, best), np.where(better, year, where), np.where(better, shift, by)
    for code in np.flatnonzero(by):
        yield int(code), int(where[code]), int(min(by[code], 12 - by[code]))


def _unit(season: Array) -> Array:
    size = np.linalg.norm(season, axis=1, keepdims=True)
    return np.asarray(season / np.where(size > 0, size, 1))
