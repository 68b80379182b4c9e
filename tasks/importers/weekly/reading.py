"""What readers of weekly files share: text of a table as columns of places, last days of weeks and counts."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.data import Array
from tasks.errors import DataError
from tasks.files.reading import chunks, shorten

COUNT = re.compile(r"\d+(\.0+)?")
EMPTY = "no count"


def text_of(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The named columns as text without blanks around it; the index is the row in the file. Raises DataError."""
    parts: list[pd.DataFrame] = [chunk.apply(lambda column: column.str.strip()) for chunk in chunks(path, columns)]
    if not parts:
        raise DataError(f"{path} has a header but no row; write one row a record")
    rows: pd.DataFrame = pd.concat(parts)
    return rows


def counts(path: Path, texts: "pd.Series[str]") -> "pd.Series[float]":
    """Whole counts, NaN where none stands. Raises DataError for anything else."""
    known = ~texts.isin(("", "NA"))
    wrong = texts[known & ~texts.str.fullmatch(COUNT)]
    for row, value in wrong.head(1).items():
        raise DataError(
            f"{path}, row {row}, column {texts.name!r}: {shorten(value)} is no whole number of cases. Write the count, "
            f"or leave it empty if it was not reported."
        )
    return pd.to_numeric(texts.where(known)).astype("float64")


def numbers(path: Path, texts: "pd.Series[str]") -> "pd.Series[float]":
    """Numbers, NaN where none stands. Raises DataError for anything else."""
    known = texts != ""
    values = pd.to_numeric(texts.where(known), errors="coerce")
    for row, value in texts[known & values.isna()].head(1).items():
        raise DataError(f"{path}, row {row}, column {texts.name!r}: {shorten(value)} is no number. Correct it.")
    return values.astype("float64")


def dates(path: Path, texts: "pd.Series[str]", form: str) -> Array:
    """(N,) datetime64[D]. Raises DataError for a text that is no date of that form."""
    values = pd.to_datetime(texts, format=form, errors="coerce")
    for row, value in texts[values.isna()].head(1).items():
        example = pd.Timestamp(2016, 12, 25).strftime(form)
        raise DataError(
            f"{path}, row {row}, column {texts.name!r}: {shorten(value)} is no date. Write it as {example}."
        )
    return values.to_numpy().astype("datetime64[D]")


def on_weekday(last: Array, ends: int) -> Array:
    """Last days of weeks moved by at most three days to the country's weekday, 0 = Monday.

    A week of six or eight days, where an agency changed the day on which its weeks begin, is thus the regular week that
    has most of its days.
    """
    weekday = (last.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return np.asarray(last + ((ends - weekday + 3) % 7 - 3))


def zeros_between(table: pd.DataFrame, weeks: Array) -> pd.DataFrame:
    """A row for every place and each of the weeks: a count of 0 where a file lists no case.

    table: location, last, cases. weeks: (T,) the weeks in which a place without a row had no case.
    """
    places = sorted(table["location"].unique())
    every = pd.MultiIndex.from_product([places, weeks.astype("M8[s]")], names=["location", "last"])
    filled = table.set_index(["location", "last"])["cases"].reindex(every, fill_value=0.0)
    return filled.reset_index()
