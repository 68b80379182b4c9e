"""What a check of meaning looks at: a table whose form is right, and its columns as matrices of series and periods."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.files.reading import Problem

if TYPE_CHECKING:
    from tasks.files.columns import Column

Array = NDArray[Any]
MOST = 20_000_000  # cells of a matrix; a table that would need more is sparse and is not compared with itself


@dataclass(frozen=True)
class Records:
    """A table as `read_table` types it, its index the row in the file, every column in order and no record twice.

    series: the columns that name a series, which are its keys but the period; place: the one of places.
    """

    file: str
    table: pd.DataFrame
    columns: Mapping[str, "Column"]
    place: str
    period: str
    series: tuple[str, ...]
    cache: dict[str, Array] = field(default_factory=dict, repr=False)

    @cached_property
    def codes(self) -> Array:
        """(N,) the series of each row, from 0."""
        if len(self.series) == 1:
            return pd.factorize(self.table[self.series[0]])[0]
        return self.table.groupby(list(self.series), sort=False).ngroup().to_numpy()

    @cached_property
    def places(self) -> Array:
        """(S,) the place of each series."""
        first = np.full(self.codes.max() + 1, -1)
        first[self.codes[::-1]] = np.arange(len(self.codes))[::-1]
        return self.table[self.place].to_numpy(dtype=object)[first]

    @cached_property
    def time(self) -> Array:
        """(N,) whole months or years since the first period of the file, weeks or days where dates stand."""
        values = self.table[self.period]
        if self.columns[self.period].kind == "year":
            steps = values.to_numpy().astype(np.int64)
        elif self.columns[self.period].kind == "month":
            steps = values.to_numpy().astype("datetime64[M]").astype(np.int64)
        else:
            steps = values.to_numpy().astype("datetime64[D]").astype(np.int64) // self.days
        return np.asarray(steps - steps.min())

    @cached_property
    def days(self) -> int:
        """Days of a period where dates stand: 7 of weeks."""
        gaps = np.diff(np.unique(self.table[self.period].to_numpy().astype("datetime64[D]").astype(np.int64)))
        return int(np.gcd.reduce(gaps)) if len(gaps) else 1

    @cached_property
    def year(self) -> int:
        """Periods of a year: 12 of months, 1 of years, 52 or 365 of dates."""
        kind = self.columns[self.period].kind
        if kind != "date":
            return 12 if kind == "month" else 1
        return 52 if self.days >= 7 else 365

    @cached_property
    def start(self) -> int:
        """Where in its year the first period stands, from 0."""
        return int(self.table[self.period].min().month) - 1 if self.year == 12 else 0

    @cached_property
    def new_years(self) -> Array:
        """(Y + 1,) the first period of each calendar year, from the file's first year to the one after its last.

        Below 0 where a year began before the file, and past its end where a year has not begun. Not of harvest years.
        """
        first, last = self.table[self.period].min(), self.table[self.period].max()
        years = np.arange(first.year, last.year + 2)
        if self.year == 12:
            return np.asarray(12 * (years - first.year) - self.start)
        january = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
        return np.asarray(-((first.to_datetime64().astype("datetime64[D]").astype(np.int64) - january) // self.days))

    @cached_property
    def repeated(self) -> bool:
        """Whether a period has several rows of a series, as in a table of what was known when."""
        return bool(self.table.duplicated([*self.series, self.period]).any())

    def fits(self) -> bool:
        """Whether a matrix of all series and periods is worth its memory."""
        return bool(len(self.table)) and (self.codes.max() + 1) * (self.time.max() + 1) <= MOST

    def matrix(self, column: str) -> Array:
        """(S, T) values, NaN where none is known."""
        if column not in self.cache:
            values = np.full((self.codes.max() + 1, self.time.max() + 1), np.nan)
            values[self.codes, self.time] = self.table[column].to_numpy(dtype=float)
            self.cache[column] = values
        return self.cache[column]

    @cached_property
    def at(self) -> Array:
        """(S, T) the position of the row in the table, -1 where there is none."""
        rows = np.full((self.codes.max() + 1, self.time.max() + 1), -1)
        rows[self.codes, self.time] = np.arange(len(self.table))
        return rows

    def compared(self) -> list[str]:
        """The columns of the file that are compared with their own history."""
        names = [name for name, column in self.columns.items() if column.history and name in self.table]
        return [name for name in names if self.table[name].notna().any()] if self.fits() else []

    def problem(self, position: int, column: str, kind: str, what: str, remedy: str, warning: bool = True) -> Problem:
        """The problem of one value, by its row's position in the table."""
        row = self.table.iloc[position]
        value = row[column]
        shown = f"{value:.10g}" if isinstance(value, float | np.floating) else str(value)
        shown = self.said(position) if column == self.period else shown
        return Problem(
            file=self.file,
            row=int(self.table.index[position]),
            column=column,
            value=shown,
            what=what,
            remedy=remedy,
            kind=kind,
            warning=warning,
            place="/".join(str(row[name]) for name in self.series),
            period=self.said(position),
        )

    def said(self, position: int) -> str:
        """The period of a row as the file writes it."""
        value = self.table[self.period].iloc[position]
        kind = self.columns[self.period].kind
        return f"{value:.0f}" if kind == "year" else str(value)[: 7 if kind == "month" else 10]


def decimals(values: Array) -> int | None:
    """How many decimals a column is written with, None of more than five."""
    known = values[np.isfinite(values)]
    return next((many for many in range(6) if np.allclose(known, np.round(known, many), rtol=0, atol=1e-9)), None)


def another(values: Array, own: float) -> float:
    """The middle one of the values that are not the own one, so that it stands in the file."""
    rest = np.sort(values[np.isfinite(values) & ~np.isclose(values, own)])
    return float(rest[len(rest) // 2]) if len(rest) else own
