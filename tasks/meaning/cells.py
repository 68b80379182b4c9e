"""Cells far from all others of their country: often a digit or a sign of a coordinate."""

from collections.abc import Iterator

import numpy as np

from tasks.files.reading import Problem
from tasks.meaning.records import Array, Records, another

FAR = 5.0  # degrees to the nearest other cell
ENOUGH = 5  # cells from which one can be far from the others


def isolated(records: Records) -> Iterator[Problem]:
    """A warning for each cell whose nearest neighbour is more than FAR degrees away."""
    names, at = centres(records)
    if len(names) < ENOUGH:
        return
    for name, centre in zip(names, at, strict=True):
        near = np.sort(degrees(at, centre))[1:]
        if near.min() > FAR:
            position = int(np.flatnonzero(records.table[records.place].to_numpy() == name)[0])
            what = f"is a cell {near.min():.0f} degrees or more from all others"
            yield records.problem(position, records.place, "isolated", what, "Check its longitude and latitude")


def moved(records: Records) -> Iterator[Problem]:
    """A warning for each row whose coordinate is not the one that its place has in most rows."""
    for name in ("longitude", "latitude"):
        if name not in records.table:
            continue
        known = records.table[name]
        usual = known.groupby(records.table[records.place]).transform("median")
        for position in np.flatnonzero(known.notna() & ~np.isclose(known, usual)):
            place = records.table[records.place].iloc[position]
            rows = known[records.table[records.place] == place].to_numpy(dtype=float)
            what = f"is {another(rows, known.iloc[position]):.10g} in other rows of {place!r}"
            yield records.problem(
                int(position), name, "moved-place", what, "Write one coordinate in all rows of a place"
            )


def centres(records: Records) -> tuple[list[str], Array]:
    """Cells by id, and (C, 2) their coordinates, from columns or from ids of two numbers."""
    if {"longitude", "latitude"} <= set(records.table):
        cells = records.table.drop_duplicates(records.place)
        return list(cells[records.place]), cells[["longitude", "latitude"]].to_numpy(dtype=float)
    ids = records.table[records.place].drop_duplicates()
    numbers = ids.str.extract(r"^([+-]?\d+(?:\.\d+)?)_([+-]?\d+(?:\.\d+)?)$").astype(float)
    known = numbers.notna().all(axis=1)
    return list(ids[known]), numbers[known].to_numpy(dtype=float)


def degrees(centres: Array, others: Array) -> Array:
    """How far cells lie from others, in degrees of longitude or latitude, whichever are more; 180 and -180 are one."""
    away = np.abs(centres - others)
    return np.asarray(np.minimum(away, 360 - away).max(axis=-1))
