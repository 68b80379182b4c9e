"""Columns of a national file: from text to numbers and months, with a problem for every value that is neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from tasks.files.reading import Problem

MISSING = ("", "NA", "NaN", "nan")
PATTERNS = {
    "number": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
    "month": r"(19|20)\d{2}-(0[1-9]|1[0-2])",
    "year": r"(19|20)\d{2}",
    "date": r"(19|20)\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
}
EXPECTED = {
    "number": "is not a number",
    "month": "is not a month of 1900 to 2099",
    "year": "is not a year of 1900 to 2099",
    "date": "is not a date of 1900 to 2099",
}
REMEDY = {
    "number": "Write digits and a decimal point, or leave it empty if it is missing",
    "month": "Write YYYY-MM, for example 2004-12",
    "year": "Write YYYY, for example 2004",
    "date": "Write YYYY-MM-DD, for example 2004-12-31",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    kind: 'number' -> float64, 'year' -> float64, 'month' (YYYY-MM) -> datetime64 at the first of the month,
        'date' (YYYY-MM-DD) -> datetime64, 'text'.
    required: the column must be there; empty: single values may be missing.
    low, high: plausible ends of one value; typical: of the column's mean (checked from 24 values on), which catches a
        file in another unit.
    unit: for messages, with what to do about a value out of bounds, such as "mm per month (mm a day times its days)".
    """

    kind: Literal["number", "year", "month", "date", "text"]
    required: bool = True
    empty: bool = False
    low: float = -np.inf
    high: float = np.inf
    typical: tuple[float, float] = (-np.inf, np.inf)
    unit: str = ""


def typed(
    file: Path, chunk: pd.DataFrame, columns: Mapping[str, Column], limit: int
) -> tuple[pd.DataFrame, list[Problem]]:
    """The chunk's text as numbers, months and text, with a problem for each value that is none."""
    ready: dict[str, pd.Series] = {}
    problems: list[Problem] = []
    for name in chunk.columns:
        kind, text = columns[name].kind, chunk[name].str.strip()
        if kind == "text":
            ready[name] = text.where(text != "", None)
            continue
        missing = text.isin(MISSING)
        good = text.str.fullmatch(PATTERNS[kind]) & text.map(str.isascii)
        if kind == "date":  # 2004-02-30 looks like one
            good &= pd.to_datetime(text.where(good), format="%Y-%m-%d", errors="coerce").notna()
        for row, value in text[~missing & ~good].head(limit).items():
            problems.append(_unlike(file, kind, name, int(str(row)), str(value)))
        usable = text.where(good & ~missing)
        if kind == "month":
            ready[name] = pd.to_datetime(usable, format="%Y-%m").astype("datetime64[s]")
        elif kind == "date":
            ready[name] = pd.to_datetime(usable, format="%Y-%m-%d").astype("datetime64[s]")
        else:
            ready[name] = pd.to_numeric(usable).astype("float64")
    return pd.DataFrame(ready), sorted(problems, key=lambda problem: problem.row or 0)[:limit]


def _unlike(file: Path, kind: str, column: str, row: int, value: str) -> Problem:
    remedy = REMEDY[kind]
    plain = value.replace(" ", "").replace("\u00a0", "").replace(",", "")
    if kind == "number" and plain.replace(".", "", 1).isdecimal():
        remedy = f"Write {plain} without thousands separators, or a decimal point for a decimal comma"
    return Problem(file=str(file), row=row, column=column, value=value, what=EXPECTED[kind], remedy=remedy)
