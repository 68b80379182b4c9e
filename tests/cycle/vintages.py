"""National files as they were at the end of a month: late provinces, and counts that are corrected later.

Made from whole files by a seed. A row is there once its place has reported it, and what it says approaches the final
number month by month, as it does where cases are confirmed late.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

PLACE, PERIOD = "location", "time_period"
LATE = 0.2  # share of places that report a month or two late, drawn anew every month
CORRECTED = 0.5  # share of places whose newest counts are corrected later
MISSING = 0.3  # of a count in its first month, at most; half of that a month later, and so on
FACTOR, MORE = 20, 977  # of an absurd number: so many times the true one, and so many more
MOST = 0.09  # of a place's population: more than a tenth of it in a month is refused by whoever reads the file


@dataclass(frozen=True, kw_only=True)
class Columns:
    """file: of a task. value: what is corrected. whole: whether it is a count."""

    file: str
    value: str
    whole: bool


COLUMNS = {
    "health": Columns(file="health.csv", value="disease_cases", whole=True),
    "disaster": Columns(file="disaster.csv", value="rainfall", whole=False),
}


def countries_in(data: Path, task: str, months: Sequence[str]) -> list[str]:
    """Countries with records of the task in each of the months."""
    files = sorted(data.glob(f"*/{COLUMNS[task].file}"))
    return [path.parent.name for path in files if set(months) <= set(_read(path)[PERIOD])]


def write(data: Path, to: Path, task: str, countries: Iterable[str], month: str, seed: int) -> None:
    """The files of that month in `to`, which replace those of the month before."""
    for country in countries:
        table = of_month(_read(data / country / COLUMNS[task].file), COLUMNS[task], month, seed, country)
        _write(table, to / country / COLUMNS[task].file)


def write_with_future(
    data: Path, vintage: Path, to: Path, task: str, countries: Iterable[str], month: str, *, poisoned: bool
) -> None:
    """A month's files followed by what came after it; poisoned: with an absurd number in the place of every value."""
    columns = COLUMNS[task]
    for country in countries:
        known = _read(vintage / country / columns.file)
        later = _read(data / country / columns.file)
        later = later[(later[PERIOD] > month) & later[PLACE].isin(set(known[PLACE]))].copy()
        if poisoned:
            later[columns.value] = absurd(later, columns)
        _write(pd.concat([known, later]), to / country / columns.file)


def absurd(table: pd.DataFrame, columns: Columns) -> pd.Series:
    """Values that no month ever had, and that a reader does not refuse."""
    numbers = pd.to_numeric(table[columns.value], errors="coerce")
    if not columns.whole:
        return pd.Series([f"{3 * each + 1:.4f}" if np.isfinite(each) else "" for each in numbers], table.index)
    people = pd.to_numeric(table["population"], errors="coerce").fillna(np.inf)
    most = np.minimum(numbers.fillna(0) * FACTOR + MORE, people * MOST)
    return pd.Series(
        [f"{int(each)}" if known else "" for each, known in zip(most, numbers.notna(), strict=True)], table.index
    )


def of_month(table: pd.DataFrame, columns: Columns, month: str, seed: int, country: str) -> pd.DataFrame:
    """The rows that were there at the end of a month, as they were. table: of strings."""
    table = table[table[PERIOD] <= month].copy()
    age = _months(pd.Series([month]))[0] - _months(table[PERIOD])
    places = sorted(set(table[PLACE]))
    monthly = np.random.default_rng([seed, *country.encode(), *month.encode()])
    late = {place: int(draw) for place, draw in zip(places, monthly.integers(1, 3, len(places)), strict=True)
            if monthly.random() < LATE}  # fmt: skip
    always = np.random.default_rng([seed, *country.encode()])  # a place's habit, the same every month
    share = {place: always.uniform(0, MISSING) if always.random() < CORRECTED else 0.0 for place in places}
    behind = table[PLACE].map(late).fillna(0).to_numpy(float)
    missing = table[PLACE].map(share).to_numpy(float) * 0.5**age
    values = pd.to_numeric(table[columns.value], errors="coerce").to_numpy(float)
    first = np.round(values * (1 - missing)) if columns.whole else values * (1 - missing)
    changed = np.isfinite(values) & (missing > 0) & (age < 6) & (first != values)
    text = pd.Series([f"{each:.0f}" if columns.whole else f"{each:.4f}" for each in np.nan_to_num(first)], table.index)
    table[columns.value] = table[columns.value].where(~changed, text)
    kept: pd.DataFrame = table[age >= behind]
    return kept


def _months(periods: pd.Series) -> np.ndarray:
    return periods.to_numpy("datetime64[M]").astype(np.int64)


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _write(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
