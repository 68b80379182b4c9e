"""A table and its mapping -> a national table of text, whose meaning is then checked as any national file's is.

A table may come in parts, of a file larger than memory: lists of persons are counted and sums added up part by part.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from tasks.errors import DataError
from tasks.files.reading import MAX_ROWS
from tasks.mapping import persons
from tasks.mapping import rows as rows_of
from tasks.mapping.mapping import Mapping
from tasks.mapping.weeks import by_month
from tasks.meaning.texts import GROUPED, ascii_digits
from tasks.registry import TASKS
from tasks.sheets.sheet import Sheet


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """table: columns of the national file, as text. records: rows below the sheet's header. dropped: why, how many."""

    table: pd.DataFrame
    records: int
    dropped: dict[str, int]


def apply(mapping: Mapping, sheet: Sheet) -> Mapped:
    """As `apply_parts`, of a whole sheet."""
    return apply_parts(mapping, [sheet])


def apply_parts(mapping: Mapping, sheets: Iterable[Sheet]) -> Mapped:
    """The national table of sheets that are parts of one, the header in the first.

    Raises DataError for a column that is not there, a record that cannot be read, and what only the agency knows.
    """
    parts = iter(sheets)
    sheet = next(parts)
    names = sheet.rows[mapping.header - 1] if mapping.header <= len(sheet.rows) else ()
    _check_columns(mapping, sheet, names)
    held: list[pd.DataFrame] = []
    seen, dropped = 0, Counter[str]()
    for part in chain([sheet], parts):
        body = part.rows[mapping.header :] if part is sheet else part.rows
        first = mapping.header + 1 if part is sheet else part.first
        table = pd.DataFrame(list(body), columns=range(len(names)), dtype=object)
        table.index = pd.RangeIndex(first, first + len(table))
        read = rows_of.records(mapping, names, part, table)
        seen += read.records
        dropped.update(read.dropped)
        held = _added(mapping, part, held, read.table)
    if mapping.persons:
        table, outside = persons.table(held, mapping.reported)
        dropped.update(outside)
    else:
        table = _finished(mapping, sheet, pd.concat(held))
    kept = {why: count for why, count in dropped.items() if count}
    return Mapped(table=_whole(mapping, table), records=seen, dropped=kept)


def _added(mapping: Mapping, sheet: Sheet, held: list[pd.DataFrame], read: pd.DataFrame) -> list[pd.DataFrame]:
    """What is known after another part; counts and sums instead of rows where these are all that is kept."""
    if mapping.persons:
        return [persons.added(sheet, [*held, persons.counted(read)], by_week=rows_of.by_week(mapping))]
    if mapping.sum:
        return [_summed(mapping, sheet, held, read)]
    if sum(map(len, held)) + len(read) > MAX_ROWS:
        raise DataError(
            f"{sheet}: more than {MAX_ROWS:,} records; name those that count in `only`, add them up by `sum: true`, or "
            f"import it in parts"
        )
    return [*held, read]


def _summed(mapping: Mapping, sheet: Sheet, held: list[pd.DataFrame], read: pd.DataFrame) -> pd.DataFrame:
    """Amounts of one place and period added up: of ages, sexes or wards. A missing one makes the sum missing.

    Raises DataError for an amount that is no number.
    """
    columns = TASKS[mapping.task].tables[TASKS[mapping.task].file].schema.columns
    keys = [name for name in ("period", "location") if name in read]
    amounts = [str(name) for name in read if name in columns and columns[str(name)].kind == "number"]
    values = read[keys].copy()
    for name in amounts:
        values[name] = _amounts(sheet, _numbers(read[name], grouped=columns[name].grouped))
    together = pd.concat([*held, values])
    sums = together.groupby(keys, sort=False, dropna=False)[amounts]
    whole = sums.count().eq(sums.size(), axis=0)
    return sums.sum().where(whole).reset_index()


def _amounts(sheet: Sheet, texts: pd.Series) -> pd.Series:
    values = pd.to_numeric(texts.replace("", np.nan), errors="coerce")
    odd = (texts != "") & ~np.isfinite(values)
    if odd.any():
        row = texts.index[odd][0]
        raise DataError(
            f"{sheet}, row {row}: {texts[row]!r} is no number that can be added up; write digits, or nothing"
        )
    return values


def _check_columns(mapping: Mapping, sheet: Sheet, names: tuple[str, ...]) -> None:
    """Raise DataError for a column that the task or the file has not, or has twice, and for a layout that lacks one."""
    known = TASKS[mapping.task].tables[TASKS[mapping.task].file].schema.columns
    for name in filter(None, [*mapping.columns, mapping.wide]):
        if name not in known:
            raise DataError(f"{sheet}: the mapping names {name!r}; columns of {mapping.task} are {', '.join(known)}")
    by_week = bool(mapping.week) and not mapping.year
    lacking = (
        "year" if by_week else "columns: location" if mapping.persons and "location" not in mapping.columns else ""
    )
    if lacking:
        raise DataError(f"{sheet}: the mapping names no `{lacking}`, which {'weeks' if by_week else 'persons'} need")
    for column in [*mapping.columns.values(), mapping.year, mapping.month, mapping.week, *mapping.only]:
        if column and column not in names:
            raise DataError(
                f"{sheet}, row {mapping.header}: no column {column!r}; there are {', '.join(filter(None, names))}"
            )
        if column and names.count(column) > 1:
            raise DataError(
                f"{sheet}, row {mapping.header}: {names.count(column)} columns are called {column!r}; give each "
                f"its own name in the file, or correct `header`"
            )


def _finished(mapping: Mapping, sheet: Sheet, rows: pd.DataFrame) -> pd.DataFrame:
    """A row a place and period: weeks shared among months where the national file has months, else as they stand."""
    table = rows.drop(columns=["year", "month", "week", "time_period"], errors="ignore").rename(
        columns={"period": "time_period"}
    )
    columns = TASKS[mapping.task].tables[TASKS[mapping.task].file].schema.columns
    for name in table.columns:
        if columns[name].kind == "number":
            texts = table[name].map(_shown) if mapping.sum else table[name]
            table[name] = _numbers(texts, grouped=columns[name].grouped)
    if not table["time_period"].str.len().eq(10).any() or rows_of.by_week(mapping):
        return table
    return _months(sheet, table)


def _shown(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.10g}"


def _numbers(texts: pd.Series, *, grouped: bool) -> pd.Series:
    """Digits of every script as 0 to 9; in counts the separators between thousands that the whole column proves."""
    plain = texts.map(ascii_digits)
    known = plain[plain != ""]
    for mark in (".", ",", " ", "\u00a0", "\u202f", "'"):
        marked = known[known.str.contains(mark, regex=False)]
        as_points = marked.str.replace(mark, ".", regex=False)
        if grouped and len(marked) and as_points.str.fullmatch(GROUPED).all():
            return plain.str.replace(mark, "", regex=False)
    return plain


def _months(sheet: Sheet, table: pd.DataFrame) -> pd.DataFrame:
    needed = {"time_period", "location", "disease_cases"}
    if spare := set(table.columns) - needed:
        raise DataError(
            f"{sheet}: weeks become months of cases alone; leave {', '.join(sorted(spare))} out of the mapping"
        )
    if lacking := needed - set(table.columns):
        raise DataError(f"{sheet}: weeks become months of cases; the mapping names no {', '.join(sorted(lacking))}")
    if (again := table.duplicated(["time_period", "location"])).any():
        row = table.index[again][0]
        raise DataError(f"{sheet}, row {row}: {table['location'][row]!r} has this week twice; keep one row")
    cases = pd.to_numeric(table["disease_cases"].replace("", np.nan), errors="coerce")
    whole = np.isfinite(cases) & (cases >= 0) & (cases % 1 == 0)
    if (odd := ~whole & (table["disease_cases"] != "")).any():
        row = table.index[odd][0]
        raise DataError(
            f"{sheet}, row {row}: {table['disease_cases'][row]!r} is no count of a week; write digits, or nothing"
        )
    start = table["time_period"].to_numpy().astype("datetime64[D]")
    return by_month(table["location"].to_numpy(dtype=object), start, cases.to_numpy(dtype=float))


def _whole(mapping: Mapping, table: pd.DataFrame) -> pd.DataFrame:
    """All columns that the national file must have, in its order."""
    schema = TASKS[mapping.task].tables[TASKS[mapping.task].file].schema
    if "country_code" in schema.columns and "country_code" not in table:
        table = table.assign(country_code=mapping.country)
    names = [name for name, column in schema.columns.items() if column.required or name in table]
    return table.reindex(columns=names, fill_value="").reset_index(drop=True)
