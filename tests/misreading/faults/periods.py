"""Faults of periods: written in another way, or a mistyped year."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tasks.files.schema import TableSchema
from tests.misreading.faults.fault import HEADER, Fault, Faulty, put

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def mistaken_period(how: Callable[[str, np.random.Generator], str]) -> Fault:
    def fault(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> Faulty | None:
        period = next(key for key in schema.keys if schema.columns[key].kind != "text")
        at = int(random.integers(len(text)))
        changed = put(text, at, period, how(text[period].iloc[at], random))
        if changed is None:
            return None
        keys = list(schema.keys)
        same = (changed.text[keys] == changed.text[keys].iloc[at]).all(axis=1).to_numpy()  # a key that is there already
        return Faulty(text=changed.text, rows=frozenset((np.flatnonzero(same) + HEADER).tolist()))

    return fault


def other_writing(value: str, random: np.random.Generator) -> str:
    year, _, month = value.partition("-")
    thai = str(int(year) + 543)
    if "-" in month:  # a day
        return str(random.choice([f"{thai}-{month}", f"{month[3:]}/{month[:2]}/{year}", value.replace("-", "")]))
    if not month:
        return str(random.choice([thai, value[2:], f"{value}/{int(value) % 100 + 1:02d}"]))
    ways = [
        f"{thai}-{month}",
        f"{MONTHS[int(month) - 1]}-{year}",
        f"{month}/{year}",
        f"{year}{month}",
        f"{year}-{int(month)}",
    ]
    return str(random.choice([each for each in ways if each != value]))


def mistyped_year(value: str, random: np.random.Generator) -> str:
    year = int(value[:4])
    others = [each for each in (year + 10, year - 10, year + 100, year - 100, 2099 - year % 10) if 1900 <= each <= 2099]
    return f"{random.choice(others)}{value[4:]}"
