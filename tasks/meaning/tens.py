"""Amounts that all end in a nought where others of their column do not: most were multiplied by ten or more."""

from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import Array, Records, decimals

RUN = 7  # such counts one after the other: by chance once in ten million
USUALLY = 0.15  # share of counts with a nought at the end, from which a column is rounded anyway
REMEDY = "Check its unit against the source; accept it in accepted.toml if it is right"


def tens(records: Records) -> Iterator[Problem]:
    """A warning for the first of RUN counts or more, of a place or of a period, that all end in a nought."""
    for name in records.compared():
        values = records.matrix(name)
        written = decimals(values) if records.columns[name].history == "log" else None
        if written is None:
            continue
        ends = _noughts(values * 10**written)
        for code, time in _starts(np.where(_again(values), np.nan, ends), whole=False):
            yield _problem(records, name, int(records.at[code, time]), "place")
        if records.columns[name].whole:  # other amounts of a period may be one value of the country
            for time, code in _starts(ends.T, whole=True):
                yield _problem(records, name, int(records.at[code, time]), "period")


def _problem(records: Records, name: str, position: int, what: str) -> Problem:
    said = f"begins values of its {what} that all end in a nought, which few others do, as after a factor of ten"
    return records.problem(position, name, "tens", said, REMEDY)


def _again(values: Array) -> Array:
    """(S, T) True for the value of the period before: people of a year, month after month, are one number."""
    return np.concatenate([np.zeros((len(values), 1), dtype=bool), values[:, 1:] == values[:, :-1]], axis=1)


def _noughts(values: Array) -> Array:
    """(S, T) 1 where an amount ends in a nought, 0 where it does not, NaN where it is 0 or unknown."""
    known = np.isfinite(values) & (values != 0)
    return np.where(known, np.round(np.nan_to_num(values)) % 10 == 0, np.nan)


def _starts(ends: Array, *, whole: bool) -> Iterator[tuple[int, int]]:
    """(row, column) of the first of each run of RUN ones, NaN not counted, where few others are ones.

    whole: only runs of a whole row.
    """
    total, count = np.nansum(ends), np.isfinite(ends).sum()
    for row, line in enumerate(ends):
        known = np.flatnonzero(np.isfinite(line))
        edges = np.diff(np.concatenate([[0.0], line[known], [0.0]]))
        for begin, end in zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0), strict=True):
            size = end - begin
            few = total - size <= USUALLY * (count - size) and count > 2 * RUN
            if few and size >= (max(len(known), RUN) if whole else RUN):
                yield row, int(known[begin])
