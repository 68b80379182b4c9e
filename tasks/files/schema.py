"""What a national file must hold, and every way in which a file does not.

A task declares a TableSchema; this module alone knows the library that validates it. The description is ours because a
ministry's clerk reads the message: which row of the file, which value, and what to do next.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from tasks.errors import DataError
from tasks.files.columns import Column, typed
from tasks.files.reading import Problem, UnreadableError, chunks, find, header

LISTED = 100  # problems looked for at most; nobody reads on
ENOUGH = 24  # values below which a column's mean says nothing about its unit


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A relation between columns: `broken` marks the rows (True) that cannot be; comparisons with NaN are not broken.

    columns: what it reads; skipped where the file lacks one. shown: the column whose value the message gives.
    """

    columns: tuple[str, ...]
    broken: Callable[[pd.DataFrame], pd.Series]
    shown: str
    what: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """columns: name -> Column; keys: columns that name a record, so that no two rows agree in all of them."""

    columns: Mapping[str, Column]
    keys: tuple[str, ...]
    rules: tuple[Rule, ...] = ()


def read_table(path: Path, schema: TableSchema) -> pd.DataFrame:
    """The table at `path` (.csv; .csv.gz or .parquet beside it too), typed; its index is the row in the file.

    Columns that the file lacks and the schema does not require are absent.
    Raises DataError with the first problem and the number of the others.
    """
    table, found = _load(path, schema, LISTED)
    if found:
        others = f" ({len(found) - 1}{'+' if len(found) == LISTED else ''} more)" if len(found) > 1 else ""
        raise DataError(f"{found[0]}{others}")
    return table


def problems(path: Path, schema: TableSchema, limit: int = LISTED) -> list[Problem]:
    """Up to `limit` problems of the table at `path`, by row; none if `read_table` would return it."""
    return _load(path, schema, limit)[1]


def _load(path: Path, schema: TableSchema, limit: int) -> tuple[pd.DataFrame, list[Problem]]:
    """The typed table and its problems; the table is complete only if there are none."""
    try:
        file = find(path)
        names = header(file)
        found = list(islice(_wrong_names(file, names, schema), limit))
        if found:
            return pd.DataFrame(), found
        columns = [name for name in schema.columns if name in names]
        parts: list[pd.DataFrame] = []
        for chunk in chunks(file, columns):
            part, wrong = typed(file, chunk, schema.columns, limit - len(found))
            parts.append(part)
            found += wrong
            if len(found) >= limit:
                break
    except UnreadableError as stop:
        return pd.DataFrame(), [stop.problem]
    if not parts:
        return pd.DataFrame(), [
            Problem(file=str(file), what="has a header but no row", remedy="Write one row a record")
        ]
    table = pd.concat(parts)
    if not found:  # bounds, keys and rules speak of values; a text in their place is told first
        found = _validate(file, table, schema, limit)
    return table, found


def _wrong_names(file: Path, names: tuple[str, ...], schema: TableSchema) -> Iterator[Problem]:
    wanted = ",".join(schema.columns)
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        yield Problem(file=str(file), row=1, what="is separated by something else", remedy="Save it with commas")
        return
    spare = [name for name in names if name not in schema.columns]
    for name, column in schema.columns.items():
        if column.required and name not in names:
            near = get_close_matches(name, spare, n=1, cutoff=0.5)
            hint = f"Rename column {near[0]!r} to it" if near else f"The columns are {wanted}"
            yield Problem(file=str(file), row=1, column=name, what="is missing", remedy=hint)
    for name in spare:
        near = get_close_matches(name, [each for each in schema.columns if each not in names], n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}" if near else f"Remove it; the columns are {wanted}"
        yield Problem(file=str(file), row=1, column=name, what="is unknown", remedy=hint)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(file=str(file), row=1, column=name, what="stands there twice", remedy="Remove one")


def _validate(file: Path, table: pd.DataFrame, schema: TableSchema, limit: int) -> list[Problem]:
    try:
        _library_schema(table, schema, limit).validate(table, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        found = [
            _explain(file, table, schema, str(column), str(check), None if pd.isna(row) else int(row))
            for column, check, row in zip(cases["column"], cases["check"], cases["index"], strict=True)
        ]
        found.sort(key=lambda problem: any(problem.what == rule.what for rule in schema.rules))  # bounds say more
        unique = {(each.row, each.what, each.column): each for each in found}
        return sorted(unique.values(), key=lambda problem: problem.row or 0)[:limit]
    return []


def _library_schema(table: pd.DataFrame, schema: TableSchema, limit: int) -> pa.DataFrameSchema:
    columns = {name: _library_column(name, schema, limit) for name in table.columns}
    rules = [
        pa.Check(lambda rows, rule=rule: ~rule.broken(rows), error=f"rule {number}", n_failure_cases=limit)
        for number, rule in enumerate(schema.rules)
        if set(rule.columns) <= set(table.columns)
    ]
    return pa.DataFrameSchema(columns, checks=rules, unique=list(schema.keys), report_duplicates="exclude_first")


def _library_column(name: str, schema: TableSchema, limit: int) -> pa.Column:
    column = schema.columns[name]
    kinds = {"text": "str", "month": "datetime64[s]", "date": "datetime64[s]"}
    checks = []
    if column.kind in ("number", "year"):
        low, high = column.typical
        checks = [
            pa.Check(
                lambda values: (values >= column.low) & (values <= column.high) & np.isfinite(values),
                error="bounds",
                n_failure_cases=limit,
            ),
            pa.Check(
                lambda values: values.count() < ENOUGH or bool(low <= values[np.isfinite(values)].mean() <= high),
                error="typical",
            ),
        ]
    return pa.Column(
        kinds.get(column.kind, "float64"), checks=checks, nullable=column.empty and name not in schema.keys
    )


def _explain(file: Path, table: pd.DataFrame, schema: TableSchema, column: str, check: str, row: int | None) -> Problem:
    """One failed check of the library in words."""
    declared = schema.columns.get(column)
    unit = f"Write {declared.unit}" if declared is not None and declared.unit else "Correct it, or leave it empty"
    if check.startswith("rule"):
        rule = schema.rules[int(check.split()[1])]
        value = str(table.at[row, rule.shown]).removesuffix(".0")
        return Problem(file=str(file), row=row, column=rule.shown, value=value, what=rule.what, remedy=rule.remedy)
    if check == "multiple_fields_uniqueness":
        value = ", ".join(str(table.at[row, key]).removesuffix("-01 00:00:00") for key in schema.keys)
        what = f"is there twice ({', '.join(schema.keys)})"
        return Problem(file=str(file), row=row, value=value, what=what, remedy="Keep one row")
    if check == "not_nullable":
        return Problem(file=str(file), row=row, column=column, what="is empty", remedy="Fill it, or remove the row")
    assert declared is not None, f"unexpected check {check!r} of {column!r}"
    if check == "typical":
        low, high = declared.typical
        what = f"has the mean {table[column].mean():.4g}, expected {low:g} to {high:g}, so it looks like another unit"
        return Problem(file=str(file), column=column, what=what, remedy=unit)
    assert check == "bounds", f"unexpected check {check!r} of {column!r}"
    what = f"is outside {declared.low:g} to {declared.high:g}"
    number = float(str(table.at[row, column]))
    return Problem(file=str(file), row=row, column=column, value=f"{number:g}", what=what, remedy=unit)
