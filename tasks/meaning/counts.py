"""Counts that are none: rates, hidden separators, one number throughout, and running totals of a year."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import Records

RATES = 0.2  # share of fractions from which a column holds rates and not counts
ENOUGH = 24  # values from which it is odd that all are one number
STEPS = 7  # of a year's months in which a running total grew at least


def whole(records: Records) -> Iterator[Problem]:
    """An error for each count with a fraction."""
    for name, column in records.columns.items():
        if not column.whole or name not in records.table:
            continue
        values = records.table[name].to_numpy(dtype=float)
        broken = np.flatnonzero(np.isfinite(values) & (values % 1 != 0))
        if not len(broken):
            continue
        rate = len(broken) > RATES * np.isfinite(values).sum()
        what = "is no whole number, as most of the column, so it looks like a rate" if rate else "is no whole number"
        remedy = (
            "Write the counts themselves, not cases per 100,000"
            if rate
            else "Write whole counts, without a separator between thousands"
        )
        for position in broken:
            yield records.problem(int(position), name, "rate" if rate else "thousands", what, remedy, warning=False)


def constant(records: Records) -> Iterator[Problem]:
    """A warning for amounts that are one number in every row, and for counts of which there is none in any."""
    for name, column in records.columns.items():
        if column.history != "log" or not column.comparable or name not in records.table:
            continue
        known = records.table[name].dropna()
        if len(known) >= ENOUGH and known.nunique() == 1:
            what = "is the value of every row, so the column says nothing"
            position = int(np.flatnonzero(records.table[name].notna())[0])
            yield records.problem(position, name, "constant", what, "Check that it is the column that was meant")
        elif column.whole and known.empty and len(records.table) >= ENOUGH:
            what, remedy = "is empty in every row", "Write the counts; nothing can be trained on this file without them"
            yield Problem(file=records.file, column=name, what=what, remedy=remedy, kind="constant", warning=True)


def running(records: Records) -> Iterator[Problem]:
    """A warning for each place and year whose counts only grow and fall back at New Year."""
    names = [name for name, column in records.columns.items() if column.parts and name in records.table]
    if records.year == 1 or not records.fits():
        return
    edge = 0 if records.year == 12 else 1  # a week at New Year may be counted in either year
    for name in names:
        values = records.matrix(name)
        for begin, end in pairwise(records.new_years + edge):
            last = end - 1 - 2 * edge
            if begin < edge or last >= values.shape[1]:
                continue
            counts = values[:, begin : last + 1]
            most = np.fmax.accumulate(counts, axis=1)  # so far; what is missing says nothing
            after = values[:, end] if end < values.shape[1] else np.zeros(len(values))
            grown = (np.diff(most, axis=1) > 0).sum(axis=1)
            up = ~(counts < most).any(axis=1) & (grown >= STEPS * records.year / 12)
            for code in np.flatnonzero(up & ~(after > most[:, -1])):
                position = int(records.at[code, begin + np.flatnonzero(np.isfinite(counts[code]))[-1]])
                what = f"ends a year in which {name} never falls, as a running total does"
                yield records.problem(position, name, "running-total", what, "Write the cases of each period alone")
