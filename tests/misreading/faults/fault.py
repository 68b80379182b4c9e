"""Single faults in national files: what one is, and how it is put into a file as text.

A fault takes the file (N rows of text), its table's schema and a generator; it gives the file with the fault and the
rows that a finding may name, or None where the file has no place for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.files.schema import TableSchema

HEADER = 2  # the row of the first record


@dataclass(frozen=True, kw_only=True)
class Faulty:
    """text: the file; rows: of the fault, as an editor counts; anywhere: a finding of the whole file is right."""

    text: pd.DataFrame
    rows: frozenset[int]
    anywhere: bool = False


Fault = Callable[[pd.DataFrame, TableSchema, np.random.Generator], Faulty | None]


def measured(text: pd.DataFrame, schema: TableSchema) -> list[str]:
    """Columns of amounts and levels."""
    return [name for name, column in schema.columns.items() if column.history and name in text]


def counts(text: pd.DataFrame, schema: TableSchema) -> list[str]:
    return [name for name, column in schema.columns.items() if column.grouped and name in text]


def cases(text: pd.DataFrame, schema: TableSchema) -> list[str]:
    return [name for name in counts(text, schema) if schema.columns[name].whole]


def amounts(text: pd.DataFrame, schema: TableSchema) -> list[str]:
    names = [name for name in measured(text, schema) if schema.columns[name].history == "log"]
    return [name for name in names if not schema.columns[name].shared]


def shown(value: float, like: str) -> str:
    """A number written with as many decimals as another one."""
    return f"{value:.{len(like.partition('.')[2])}f}"


def put_values(text: pd.DataFrame, rows: Any, column: str, values: Any) -> None:
    """Write values into a column of a copy."""
    cells = text[column].to_numpy(dtype=object).copy()
    cells[rows] = values
    text[column] = cells


def put(text: pd.DataFrame, at: int, column: str, value: str) -> Faulty | None:
    if value == text[column].iloc[at]:
        return None
    changed = text.copy()
    put_values(changed, at, column, value)
    return Faulty(text=changed, rows=frozenset([at + HEADER]))


def edited(text: pd.DataFrame, rows: np.ndarray, column: str, how: Callable[[str], str]) -> Faulty | None:
    changed = text.copy()
    new = [how(value) for value in text[column].iloc[rows]]
    put_values(changed, rows, column, new)
    if (changed[column] == text[column]).all():
        return None
    return Faulty(text=changed, rows=frozenset((rows + HEADER).tolist()))


def series(text: pd.DataFrame, schema: TableSchema) -> np.ndarray:
    keys = [key for key in schema.keys if schema.columns[key].kind == "text"]
    return text.groupby(keys, sort=False).ngroup().to_numpy()


def one_series(text: pd.DataFrame, schema: TableSchema, random: np.random.Generator) -> np.ndarray:
    """Positions of one series' rows in order of time."""
    code = series(text, schema)
    mine = np.flatnonzero(code == random.choice(code))
    period = next(key for key in schema.keys if schema.columns[key].kind != "text")
    return np.asarray(mine[np.argsort(text[period].to_numpy()[mine], kind="stable")])
