"""Columns of a national file: from text to numbers and months, with a problem for every value that is neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from tasks.files.reading import Problem
from tasks.meaning import texts

MISSING = ("", "NA", "NaN", "nan")
PATTERNS = {
    "number": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
    "month": r"(19|20)\d{2}-(0[1-9]|1[0-2])",
    "year": r"(19|20)\d{2}",
    "date": r"(19|20)\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
}
REMEDY = texts.REMEDY


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    kind: 'number' -> float64, 'year' -> float64, 'month' (YYYY-MM) -> datetime64 at the first of the month,
        'date' (YYYY-MM-DD) -> datetime64, 'text'.
    required: the column must be there; empty: single values may be missing.
    low, high: plausible ends of one value; typical: of the column's mean (checked from 24 values on), which catches a
        file in another unit.
    unit: for messages, with what to do about a value out of bounds, such as "mm per month (mm a day times its days)".

    What the value means, for `tasks.meaning`:
    whole: a count, without fractions. grouped: large whole numbers, where three digits after a point are thousands.
    parts: values of places add up to the value of what contains them.
    history: how a value is compared with its own series: 'log' after adding `offset` (amounts), 'plain' (levels).
    spread: by which logs differ from what is expected of them, at least; yearly: the ratio of a year's mean to other
        years' from which it is another level.
    comparable: whether places have amounts of one order, so that a place of several times the others' is odd.
    shared: the same in all places of a period. index: names a value of the whole country that other files hold as well.
    """

    kind: Literal["number", "year", "month", "date", "text"]
    required: bool = True
    empty: bool = False
    low: float = -np.inf
    high: float = np.inf
    typical: tuple[float, float] = (-np.inf, np.inf)
    unit: str = ""
    whole: bool = False
    grouped: bool = False
    parts: bool = False
    history: Literal["", "log", "plain"] = ""
    offset: float = 1.0
    spread: float = 0.25
    yearly: float = 3.0
    comparable: bool = True
    shared: bool = False
    index: str = ""


def typed(
    file: Path, chunk: pd.DataFrame, columns: Mapping[str, Column], limit: int
) -> tuple[pd.DataFrame, list[Problem]]:
    """The chunk's text as numbers, months and text, with a problem for each value that is none.

    A suppressed count (`<5`) is missing, and a warning says so. Up to `limit` errors by row, then as many warnings: no
    number of these hides an error, whose value would pass for a missing one.
    """
    ready: dict[str, pd.Series] = {}
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for name in chunk.columns:
        kind, text = columns[name].kind, chunk[name].str.strip()
        if kind == "text":
            ready[name] = text.where(text != "", None)
            for row, value in text[text.str.contains(texts.CONTROL)].drop_duplicates().head(limit).items():
                problems.append(texts.controlled(str(file), int(str(row)), name, str(value)))
            continue
        missing = text.isin(MISSING)
        good = text.str.fullmatch(PATTERNS[kind]) & text.map(str.isascii)
        if kind == "date":  # 2004-02-30 looks like one
            good &= pd.to_datetime(text.where(good), format="%Y-%m-%d", errors="coerce").notna()
        if columns[name].grouped:
            good &= ~text.str.fullmatch(texts.GROUPED)
        hidden = text.str.fullmatch(texts.SUPPRESSED) if columns[name].whole and not good.all() else ~(good | True)
        for row, value in text[hidden].head(limit).items():
            warnings.append(texts.suppressed(str(file), int(str(row)), name, str(value)))
        for row, value in text[~missing & ~good & ~hidden].head(limit).items():
            problems.append(texts.unlike(str(file), kind, int(str(row)), name, str(value)))
        usable = text.where(good & ~missing)
        if kind == "month":
            ready[name] = pd.to_datetime(usable, format="%Y-%m").astype("datetime64[s]")
        elif kind == "date":
            ready[name] = pd.to_datetime(usable, format="%Y-%m-%d").astype("datetime64[s]")
        else:
            ready[name] = pd.to_numeric(usable).astype("float64")
    return pd.DataFrame(ready), [*_first(problems, limit), *_first(warnings, limit)]


def _first(problems: list[Problem], limit: int) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.row or 0)[:limit]
