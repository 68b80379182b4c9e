"""A table of a file as its schema says, and every way in which a file is not so.

A ministry's clerk reads the messages: which row of the file, which value, and what to do next.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.errors import DataError
from tasks.files.columns import PATTERNS, Column, typed
from tasks.files.reading import Problem, UnreadableError, chunks, find, header
from tasks.files.schema import Rule, TableSchema
from tasks.meaning import control
from tasks.meaning.accepted import accepted, open_warnings
from tasks.meaning.look import findings, records_of

log = logging.getLogger(__name__)
SYNTHETIC = "*.oracle.npz"  # next to files of a generator, which no clerk corrects
LISTED = 100  # problems looked for at most; nobody reads on
ENOUGH = 24  # values below which a column's mean says nothing about its unit


def read_table(path: Path, schema: TableSchema, until: np.datetime64 | None = None) -> pd.DataFrame:
    """The table at `path` (.csv; .csv.gz or .parquet in its folder too), typed; its index is the row in the file.

    Columns that the file lacks and the schema does not require are absent. until: the last month or day whose rows are
    read; what later rows hold has no effect, whether it is right or wrong. A year counts as its December.
    Warnings that the country did not accept are logged in a line that holds none of its values.
    Raises DataError with the first problem and the number of the others.
    """
    table, all_problems = load(path, schema, LISTED, until)
    wrong = [problem for problem in all_problems if not problem.warning]
    if not wrong:
        _log(path, all_problems)
    if wrong:
        others = f" ({len(wrong) - 1}{'+' if len(wrong) == LISTED else ''} more)" if len(wrong) > 1 else ""
        raise DataError(f"{wrong[0]}{others}")
    return table


def problems(path: Path, schema: TableSchema, limit: int = LISTED) -> list[Problem]:
    """Up to `limit` errors of the table at `path`, by row; none if `read_table` would return it, but warnings."""
    return load(path, schema, limit)[1]


def _log(path: Path, problems: list[Problem]) -> None:
    kinds = Counter(problem.kind for problem in open_warnings(problems, accepted(path.parent)))
    synthetic = any(path.parent.glob(SYNTHETIC))
    if kinds and not synthetic:
        named = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        log.warning("%s: warnings about what its numbers mean: %s; list them: gotong data check %s", path, named, path)


def load(
    path: Path, schema: TableSchema, limit: int, until: np.datetime64 | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """The typed table and its problems; the table is complete only if none is an error.

    Beside a control total that is missed stand the warnings, which may name the row that is wrong.
    """
    table, said = load_form(path, schema, limit, until)
    if any(not each.warning for each in said):
        return table, said
    file = find(path)
    totals = control.of_file(control.control_totals(file.parent), file, until)
    wrong = islice(control.disagreements(records_of(file, table, schema), totals), limit) if totals else ()
    return table, [*wrong, *said, *findings(file, table, schema, limit)]


def load_form(
    path: Path, schema: TableSchema, limit: int, until: np.datetime64 | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """As `load`, without what the numbers mean."""
    try:
        file = find(path)
        names = header(file)
        wrong = list(islice(_wrong_names(file, names, schema), limit))
        if wrong:
            return pd.DataFrame(), wrong
        columns = [name for name in schema.columns if name in names]
        parts: list[pd.DataFrame] = []
        said: list[Problem] = []
        for chunk in chunks(file, columns):
            read = chunk if until is None else chunk[~_later(chunk, schema, until)]
            part, untyped = typed(file, read, schema.columns, limit - len(wrong))
            parts.append(part)
            wrong += [problem for problem in untyped if not problem.warning]
            said += [problem for problem in untyped if problem.warning][: limit - len(said)]
            if len(wrong) >= limit:
                break
    except UnreadableError as stop:
        return pd.DataFrame(), [stop.problem]
    if not parts:
        return pd.DataFrame(), [
            Problem(file=str(file), what="has a header but no row", remedy="Write one row a record")
        ]
    table = pd.concat(parts)
    if until is not None and table.empty and not wrong:
        return table, [
            Problem(file=str(file), what=f"has no row until {until}", remedy="Choose a later month, or add older rows")
        ]
    if not wrong:  # bounds, keys and rules speak of values; a text in their place is reported first
        wrong = _validate(file, table, schema, limit)
    return table, wrong or said


def _later(chunk: pd.DataFrame, schema: TableSchema, until: np.datetime64) -> "pd.Series[bool]":
    """Rows of text whose period lies after one; a period that cannot be read is none of them, and is reported."""
    later = pd.Series(False, index=chunk.index)
    for name in schema.keys:
        kind = schema.columns[name].kind
        if name in chunk and kind in ("month", "date", "year"):
            text = chunk[name].str.strip()
            period = text + "-12" if kind == "year" else text.str[: len(str(until))]
            later |= text.str.fullmatch(PATTERNS[kind]) & (period > str(until))
    return later


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
    """What is wrong with the values, by row; within a row repeated keys first, then columns, then rules."""
    wrong = [*_repeated(file, table, schema.keys, limit)]
    for name in table.columns:
        wrong += _column_problems(file, table[name], schema.columns[name], name in schema.keys, limit)
    for rule in schema.rules:
        if set(rule.columns) <= set(table.columns):
            wrong += _broken(file, table, rule, limit)
    return sorted(wrong, key=lambda problem: problem.row or 0)[:limit]


def _repeated(file: Path, table: pd.DataFrame, keys: tuple[str, ...], limit: int) -> Iterator[Problem]:
    if not keys:
        return
    again = table.index[table.duplicated(list(keys))][:limit]
    if again.empty:
        return
    rows = pd.Series(table.index, index=table.index)
    first = rows.groupby([table[key] for key in keys], dropna=False).transform("first")
    for row in again:
        value = ", ".join(str(table.at[row, key]).removesuffix("-01 00:00:00") for key in keys)
        what = f"is there twice, first in row {first[row]} ({', '.join(keys)})"
        yield Problem(file=str(file), row=int(row), value=value, what=what, remedy="Keep one row")


def _column_problems(file: Path, values: pd.Series, column: Column, key: bool, limit: int) -> Iterator[Problem]:
    name = str(values.name)
    if key or not column.empty:
        for row in values.index[values.isna()][:limit]:
            what, remedy = "is empty", "Fill it, or remove the row"
            yield Problem(file=str(file), row=int(row), column=name, what=what, remedy=remedy)
    if column.kind not in ("number", "year"):
        return
    unit = f"Write {column.unit}" if column.unit else "Correct it, or leave it empty"
    known = values.dropna()
    finite = np.isfinite(known)
    for row in known.index[~finite | ~known.between(column.low, column.high)][:limit]:
        what = f"is outside {column.low:g} to {column.high:g}"
        yield Problem(file=str(file), row=int(row), column=name, value=f"{known[row]:g}", what=what, remedy=unit)
    low, high = column.typical
    if len(known) >= ENOUGH and not low <= known[finite].mean() <= high:
        what = f"has the mean {known.mean():.4g}, expected {low:g} to {high:g}, so it looks like another unit"
        yield Problem(file=str(file), column=name, what=what, remedy=unit)


def _broken(file: Path, table: pd.DataFrame, rule: Rule, limit: int) -> Iterator[Problem]:
    for row in table.index[rule.broken(table).astype(bool)][:limit]:
        value = str(table.at[row, rule.shown]).removesuffix(".0").removesuffix(" 00:00:00")
        yield Problem(file=str(file), row=int(row), column=rule.shown, value=value, what=rule.what, remedy=rule.remedy)
