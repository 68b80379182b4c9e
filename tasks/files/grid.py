"""A tidy table -> a regular grid of places and periods, with NaN wherever the file has no row."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.data import Array
from tasks.errors import DataError
from tasks.meaning.spelling import spelling
from tasks.time_step import STEPS

MAX_CELLS = 20_000_000  # places x periods; 160 MB a column


@dataclass(frozen=True, kw_only=True)
class Grid:
    """places: (P,) sorted ids; periods: (T,) of the step, as in `Panel`; values: name -> (P, T) float64."""

    places: tuple[str, ...]
    periods: Array
    values: Mapping[str, Array]


def grid(
    table: pd.DataFrame,
    columns: Sequence[str],
    *,
    file: Path,
    place: str = "location",
    period: str = "time_period",
    step: str = "month",
    every: int = 1,
) -> Grid:
    """The columns of a table of `read_table` on every place and every period from the first to the last.

    The order of the rows does not matter. A column that the table lacks becomes all NaN.
    step: of `tasks.time_step`; a period is any date of its month, the last day of its week, or its day. every: steps
    from one period to the next, such as 12 months for harvests.
    Raises ValueError for a table without the two columns. Raises DataError if two places are one under `spelling`, if
    two rows are of one place and period, if the distance of periods is no multiple of `every` steps, or if the grid
    would be nearly empty and huge.
    """
    if absent := [name for name in (place, period) if name not in table]:
        raise ValueError(
            f"grid: a table of {', '.join(map(str, table))} has no {absent[0]!r}; name its columns: place=, period="
        )
    _refuse_lookalikes(table, place, file)
    places, row = np.unique(table[place].to_numpy(dtype=str), return_inverse=True)
    dates = table[period].to_numpy().astype(STEPS[step].dtype)
    periods, at = _calendar(dates, step, every, table, period, file)
    if len(places) * len(periods) > MAX_CELLS:
        raise DataError(
            f"{file}: {len(places):,} places x {len(periods):,} periods do not fit a table of {len(table):,} rows. "
            f"Check columns {place!r} and {period!r}."
        )
    _refuse_second_records(row * len(periods) + at, table, place, dates, step, file)
    values = {}
    for name in columns:
        values[name] = np.full((len(places), len(periods)), np.nan)
        if name in table:
            values[name][row, at] = table[name].to_numpy(dtype=float)
    return Grid(places=tuple(str(each) for each in places), periods=periods, values=values)


def fold(name: str) -> str:
    """The name without case, Latin accents and doubled spaces: 'Bình  Dương' and 'BINH DUONG' become one.

    Only the combining marks of Latin script go (U+0300 to U+036F): Thai, Lao, Khmer and Burmese vowels are marks too.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    plain = re.sub("[\u0300-\u036f]", "", folded)
    return " ".join(plain.replace("đ", "d").replace("ı", "i").split())


def _refuse_lookalikes(table: pd.DataFrame, place: str, file: Path) -> None:
    seen: dict[str, str] = {}
    for name in table[place].unique():
        first = seen.setdefault(spelling(name), name)
        if first != name:
            row = table.index[table[place] == name][0]
            raise DataError(
                f"{file}, row {row}, column {place!r}: {name!r} and {first!r} look like one place. "
                f"Write one spelling throughout, and merge their rows."
            )


def _refuse_second_records(cell: Array, table: pd.DataFrame, place: str, dates: Array, step: str, file: Path) -> None:
    order = np.argsort(cell, kind="stable")
    again = np.flatnonzero(cell[order][1:] == cell[order][:-1])
    if again.size:
        first, second = order[again[0]], order[again[0] + 1]
        raise DataError(
            f"{file}, rows {table.index[first]} and {table.index[second]}: two records of {table[place].iloc[first]!r} "
            f"in the {step} {dates[first]}. Keep one, or add them up if each holds a part."
        )


def _calendar(dates: Array, step: str, every: int, table: pd.DataFrame, period: str, file: Path) -> tuple[Array, Array]:
    first, last, distance = dates.min(), dates.max(), every * STEPS[step].length
    offset = (dates - first).astype(int)
    if (off := np.flatnonzero(offset % distance)).size:
        plural = f"{every} {step}s" if every > 1 else f"one {step}"
        raise DataError(
            f"{file}, row {table.index[off[0]]}, column {period!r}: {dates[off[0]]} is no multiple of {plural} "
            f"after {first}. Write one period a row, each {plural} after the one before."
        )
    return np.arange(first, last + 1, distance), offset // distance
