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

MAX_CELLS = 20_000_000  # places x periods; 160 MB a column


@dataclass(frozen=True, kw_only=True)
class Grid:
    """places: (P,) sorted ids; periods: (T,) datetime64[M], `step` months apart; values: name -> (P, T) float64."""

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
    step: int = 1,
) -> Grid:
    """The columns of a table of `read_table` on every place and every period from the first to the last.

    The order of the rows does not matter. A column that the table lacks becomes all NaN.
    Raises DataError if two places differ only in case, accents or spaces, if periods do not lie `step` months apart,
    or if the grid would be nearly empty and huge.
    """
    _refuse_lookalikes(table, place, file)
    places, row = np.unique(table[place].to_numpy(dtype=str), return_inverse=True)
    months = table[period].to_numpy().astype("datetime64[M]")
    periods, at = _calendar(months, step, table, period, file)
    if len(places) * len(periods) > MAX_CELLS:
        raise DataError(
            f"{file}: {len(places):,} places x {len(periods):,} periods do not fit a table of {len(table):,} rows. "
            f"Check columns {place!r} and {period!r}."
        )
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
        first = seen.setdefault(fold(name), name)
        if first != name:
            row = table.index[table[place] == name][0]
            raise DataError(
                f"{file}, row {row}, column {place!r}: {name!r} and {first!r} look like one place. "
                f"Write one spelling throughout, and merge their rows."
            )


def _calendar(months: Array, step: int, table: pd.DataFrame, period: str, file: Path) -> tuple[Array, Array]:
    first, last = months.min(), months.max()
    distance = (months - first).astype(int)
    if (off := np.flatnonzero(distance % step)).size:
        raise DataError(
            f"{file}, row {table.index[off[0]]}, column {period!r}: {months[off[0]]} is no multiple of {step} months "
            f"after {first}. Write one period a row, {step} months apart."
        )
    return np.arange(first, last + 1, step), distance // step
