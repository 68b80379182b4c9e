"""Faults of a year, a period or a place: another unit, running totals, rates, a season that moved."""

import numpy as np
import pandas as pd

from tasks.files.schema import TableSchema
from tests.misreading.faults.fault import (
    HEADER,
    Faulty,
    amounts,
    edited,
    measured,
    one_series,
    put_values,
    shown,
)


def _a_year(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> np.ndarray | None:
    """Positions of the twelve months of one year of one series."""
    if "time_period" not in text:
        return None
    mine = one_series(text, schema, random)
    years = text["time_period"].str[:4].to_numpy()[mine]
    whole = [year for year in np.unique(years) if (years == year).sum() == 12]
    return mine[years == random.choice(whole)] if whole else None


def year_in_another_unit(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """Twelve months of a place ten times off or more, rain as mm a day."""
    rows = _a_year(text, schema, random)
    names = [name for name in measured(text, schema) if schema.columns[name].history == "log"]
    if rows is None or not names:
        return None
    name = str(random.choice(names))
    factor = float(random.choice([1 / 30.4, 0.1, 10] if "rain" in name else [0.1, 10, 0.01, 100]))
    return edited(text, rows, name, lambda value: shown(float(value) * factor, value) if value else value)


def period_in_another_unit(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A column of all places of one period ten times off or more."""
    period = next(key for key in schema.keys if schema.columns[key].kind != "text")
    names = amounts(text, schema)
    chosen = text[period] == str(random.choice(text[period].unique()))
    if not names or text[str(schema.place)].nunique() < 3 or chosen.sum() < 3:
        return None
    factor = float(random.choice([0.1, 10, 0.01, 100]))
    name = str(random.choice(names))
    return edited(
        text, np.flatnonzero(chosen), name, lambda value: shown(float(value) * factor, value) if value else value
    )


def place_in_another_unit(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A column of one place in all periods ten times off or more."""
    names = [name for name in amounts(text, schema) if schema.columns[name].comparable]
    if not names or text[str(schema.place)].nunique() < 5:
        return None
    name, rows = str(random.choice(names)), one_series(text, schema, random)
    factor = float(random.choice([0.1, 10, 0.01, 100]))
    return edited(text, rows, name, lambda value: shown(float(value) * factor, value) if value else value)


def running(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A year of a place cumulated."""
    rows = _a_year(text, schema, random)
    if rows is None or "disease_cases" not in text or (text["disease_cases"].iloc[rows] == "").any():
        return None
    total = np.cumsum(text["disease_cases"].iloc[rows].astype(float))
    changed = text.copy()
    put_values(changed, rows, "disease_cases", [f"{value:.0f}" for value in total])
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))


def moved(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A column of a place that has a season, from some year on, two to six months late."""
    names = [name for name in ("rainfall", "disease_cases", "mean_temperature") if name in text]
    if "time_period" not in text or not names or len(text["time_period"].iloc[0]) != len("2004-12"):
        return None
    name, mine = str(random.choice(names)), one_series(text, schema, random)
    first = int(random.integers(len(mine) // 4, 3 * len(mine) // 4 + 1)) // 12 * 12
    rows = mine[first:]
    if len(rows) < 24 or not _seasonal(text.iloc[mine], name):
        return None
    changed = text.copy()
    values = np.roll(text[name].to_numpy(dtype=object)[rows], int(random.integers(2, 7)))
    put_values(changed, rows, name, values)
    return Faulty(text=changed, rows=frozenset((mine + HEADER).tolist()))


def _seasonal(rows: pd.DataFrame, name: str) -> bool:
    """Whether the months make up most of the variance, of logs where amounts are."""
    values = pd.to_numeric(rows[name], errors="coerce")
    values = np.log(values + 10) if name != "mean_temperature" else values
    return bool(values.groupby(rows["time_period"].str[5:]).transform("mean").var() > 0.5 * values.var())


def rate(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
    """A place's cases per 100,000 inhabitants."""
    if not {"disease_cases", "population"} <= set(text) or (text["population"] == "").all():
        return None
    rows = one_series(text, schema, random)
    rows = rows[(text["population"].to_numpy()[rows] != "") & (text["disease_cases"].to_numpy()[rows] != "")]
    changed = text.copy()
    rates = 1e5 * text["disease_cases"].iloc[rows].astype(float) / text["population"].iloc[rows].astype(float)
    put_values(changed, rows, "disease_cases", [f"{value:.2f}" for value in rates])
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))
