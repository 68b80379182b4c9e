"""Control totals: sums that a country has from another source, in `totals.toml` in its folder; its files must agree.

[[total]]
file = "health.csv"
column = "disease_cases"
place = "TH-10"  # left out: all places
year = 2019      # left out: all years
sum = 8732
source = "annual report of 2019, table 4"

A value, a year or a place in another unit is seen by a second number alone where its own file holds none.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.errors import DataError
from tasks.files.reading import SUFFIXES, Problem, stem_of
from tasks.meaning.records import Array, Records

NAME = "totals.toml"
KINDS = {"words in quotes": (str,), "a whole number": (int,), "a number": (int, Decimal)}
TEXT, WHOLE, NUMBER = KINDS
KEYS = {"file": TEXT, "column": TEXT, "place": TEXT, "year": WHOLE, "sum": NUMBER, "source": TEXT}
LEFT_OUT = {"place", "year"}


@dataclass(frozen=True, kw_only=True)
class ControlTotal:
    """What the known values of a column add up to, in its unit; place, year: None of all of them."""

    file: str
    column: str
    place: str | None = None
    year: int | None = None
    sum: int | Decimal
    source: str


def control_totals(folder: Path) -> Sequence[ControlTotal]:
    """What a country declared; nothing without a file. Raises DataError for a broken one, or for a file not there."""
    path = folder / NAME
    if not path.exists():
        return ()
    how = "write [[total]] with file, column, sum and source, and place and year where it is of one"
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, no TOML, thousands of digits
        raise DataError(f"{path} cannot be read ({error}); {how}") from None
    if spare := sorted(declared.keys() - {"total"}):
        raise DataError(f"{path}: [[total]] is the only table, not {spare[0]}; {how}")
    entries = declared.get("total", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{path}: `total` is no list of tables; {how}")
    return [_entry(f"{path}, entry {number}", entry, folder) for number, entry in enumerate(entries, start=1)]


def _entry(where: str, entry: Mapping[str, Any], folder: Path) -> ControlTotal:
    if spare := sorted(entry.keys() - KEYS.keys()):
        raise DataError(f"{where}: {spare[0]!r} is none of {', '.join(KEYS)}")
    for key, kind in KEYS.items():
        value = entry.get(key)
        if value is None and key in LEFT_OUT:
            continue
        if not isinstance(value, KINDS[kind]) or isinstance(value, bool) or value == "":
            shown = f"is {value if isinstance(value, Decimal) else repr(value)}" if key in entry else "is missing"
            raise DataError(f"{where}: {key} {shown}; write {kind}")
    if not _is_finite(entry["sum"]):
        raise DataError(f"{where}: sum is {str(entry['sum'])[:20]}; write a number")
    stem = stem_of(Path(entry["file"]))
    if "/" in entry["file"] or not any((folder / f"{stem}{suffix}").exists() for suffix in SUFFIXES):
        raise DataError(f"{where}: {folder} holds no file {entry['file']}; name one that is there, such as health.csv")
    return ControlTotal(**entry)


def disagreements(records: Records, totals: Sequence[ControlTotal]) -> Iterator[Problem]:
    """An error for each control total that the records of its file do not add up to."""
    for total in totals:
        if total.column not in records.table or records.columns[total.column].kind != "number":
            yield _problem(records, total, None, "is no column of numbers here", f"Name another one in {NAME}")
            continue
        rows = np.flatnonzero(_of(records, total))
        values = records.table[total.column].to_numpy(dtype=float)[rows]
        known = float(np.nansum(values))
        if _equal(known, total.sum):
            continue
        empty = int(np.isnan(values).sum())
        said = f"adds up to {known:.10g} in {_where(total)}, not to {total.sum} as in {total.source}"
        said += f" ({empty} of {len(rows)} values are empty)" if empty else ""
        said = said if len(rows) else f"has no row in {_where(total)}, whose sum is {total.sum} in {total.source}"
        remedy = f"Correct the rows, or the sum in {NAME}"
        yield _problem(records, total, int(rows[0]) if len(rows) else None, said, remedy)


def covered(records: Records, totals: Sequence[ControlTotal], column: str) -> Array:
    """(N,) whether a control total holds a row's value in a column."""
    rows = np.zeros(len(records.table), dtype=bool)
    for total in totals:
        if total.column == column:
            rows |= _of(records, total)
    return rows


def of_file(totals: Sequence[ControlTotal], file: Path, last: np.datetime64 | None) -> Sequence[ControlTotal]:
    """The totals of one file; last: the last month or day that is read, after which no sum is complete."""
    mine = [each for each in totals if stem_of(Path(each.file)) == stem_of(file)]
    if last is None:
        return mine
    ended = int(str((last + 1).astype("datetime64[Y]"))) - 1
    return [each for each in mine if each.year is not None and each.year <= ended]


def _of(records: Records, total: ControlTotal) -> Array:
    rows = np.ones(len(records.table), dtype=bool)
    if total.place is not None:
        rows &= (records.table[records.place] == total.place).to_numpy()
    if total.year is not None:
        period = records.table[records.period]
        years = period if records.columns[records.period].kind == "year" else pd.DatetimeIndex(period).year
        rows &= np.asarray(years) == total.year
    return rows


def _equal(known: float, declared: int | Decimal) -> bool:
    """Whether a sum is the declared one, to the digits in which that is written."""
    exponent = declared.as_tuple().exponent if isinstance(declared, Decimal) else 0
    unit = 10.0**exponent if isinstance(exponent, int) else 1.0
    return abs(known - float(declared)) <= unit / 2 + 1e-9 * abs(known)


def _is_finite(number: int | Decimal) -> bool:
    try:
        return isfinite(number)
    except OverflowError:  # of hundreds of digits
        return False


def _where(total: ControlTotal) -> str:
    return f"{'all years' if total.year is None else total.year} and {total.place or 'all places'}"


def _problem(records: Records, total: ControlTotal, position: int | None, what: str, remedy: str) -> Problem:
    row = None if position is None else int(records.table.index[position])
    return Problem(
        file=records.file,
        row=row,
        column=total.column,
        what=what,
        remedy=remedy,
        kind="control-total",
        place=total.place,
    )
