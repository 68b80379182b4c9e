"""A sheet and its mapping -> a national table of text, whose meaning is then checked as any national file's is."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from tasks.errors import DataError
from tasks.mapping import periods, persons
from tasks.mapping.mapping import Mapping
from tasks.mapping.weeks import by_month
from tasks.meaning.spelling import spelling
from tasks.meaning.texts import GROUPED, ascii_digits
from tasks.meaning.totals import TOTALS
from tasks.registry import TASKS
from tasks.sheets.sheet import Sheet

NOTES = "titles, footnotes and empty rows"
TOTAL_ROWS = "rows that say they are totals"
NO_PLACE = "rows without a place"
UNDATED = "persons without a date"


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """table: columns of the national file, as text. records: rows below the sheet's header. dropped: why, how many."""

    table: pd.DataFrame
    records: int
    dropped: dict[str, int]


def apply(mapping: Mapping, sheet: Sheet) -> Mapped:
    """The national table. Raises DataError for a column that is not there and for what only the agency knows."""
    names = sheet.rows[mapping.header - 1] if mapping.header <= len(sheet.rows) else ()
    rows = pd.DataFrame(list(sheet.rows[mapping.header :]), columns=range(len(names)), dtype=object)
    rows.index = pd.RangeIndex(mapping.header + 1, mapping.header + 1 + len(rows))
    _check_columns(mapping, sheet)
    for column in [*mapping.columns.values(), mapping.year, mapping.month, mapping.week]:
        if column and column not in names:
            raise DataError(
                f"{sheet}, row {mapping.header}: no column {column!r}; there are {', '.join(filter(None, names))}"
            )
        if column and names.count(column) > 1:
            raise DataError(
                f"{sheet}, row {mapping.header}: {names.count(column)} columns are called {column!r}; give each "
                f"its own name in the file, or correct `header`"
            )
    long = _long(mapping, names, rows)
    records = len(rows)
    texts = _periods(mapping, sheet, long)
    dropped = Counter(_without_period(mapping, sheet, long[texts == ""]))
    dropped[NOTES] += len(rows) - int(rows.index.isin(long.index).sum())
    long = long.assign(period=texts)[texts != ""]
    if "location" in long:
        dropped[NO_PLACE] = int((long["location"] == "").sum())
        long = long[long["location"] != ""]
    if mapping.persons:
        table, outside = persons.count(sheet, long, mapping.reported)
        dropped.update(outside)
    else:
        table = _counted(mapping, sheet, long)
    return Mapped(
        table=_whole(mapping, table), records=records, dropped={why: count for why, count in dropped.items() if count}
    )


def _check_columns(mapping: Mapping, sheet: Sheet) -> None:
    """Raise DataError for a national column that the task has not, and for a layout that lacks one."""
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


def _long(mapping: Mapping, names: tuple[str, ...], rows: pd.DataFrame) -> pd.DataFrame:
    """Columns by their national names, `year`, `month`, `week`; a row a period where the file has columns of them."""
    at = {name: names.index(column) for name, column in mapping.columns.items()}
    at |= {name: names.index(column) for name in ("year", "month", "week") if (column := getattr(mapping, name))}
    kept = pd.DataFrame({name: rows[place] for name, place in at.items()}, index=rows.index)
    if not mapping.wide:
        return kept
    wide = [place for place, name in enumerate(names) if name and (periods.month(name) or periods.week(name))]
    if not wide:
        raise DataError(f"wide={mapping.wide}: no column's name is a month or a week")
    empty = (rows[wide] == "").all(axis=1)  # a title, a footnote, or a place that reported nothing
    kept, rows = kept[~empty], rows[~empty]
    parts = [kept.assign(time_period=names[place], **{mapping.wide: rows[place]}) for place in wide]
    return pd.concat(parts)


def _periods(mapping: Mapping, sheet: Sheet, rows: pd.DataFrame) -> pd.Series:
    """(N,) YYYY-MM, or the first day of a week as YYYY-MM-DD; "" where a row names no period."""
    read: Callable[..., str]
    columns: tuple[str, ...]
    if mapping.week:
        read, columns = _week, ("year", "week")
    elif mapping.year and mapping.month:
        read, columns = _month_of_pair, ("year", "month")
    else:
        read, columns = _period, ("time_period",)
    if not set(columns) <= set(rows):
        raise DataError(f"{sheet}: the mapping names no time_period, and neither year and month nor year and week")
    cells = zip(rows.index, *(rows[name] for name in columns), strict=True)
    texts = [read(mapping, f"{sheet}, row {row}", *texts) for row, *texts in cells]
    return pd.Series(texts, index=rows.index, dtype=object)


def _without_period(mapping: Mapping, sheet: Sheet, rows: pd.DataFrame) -> dict[str, int]:
    """Why rows whose period cannot be read are left out. Raises DataError for records: they have a value or a place.

    A title or footnote fills a cell of the period or of the place, or none that is mapped.
    """
    when = [name for name in ("time_period", "year", "month", "week") if name in rows]
    dated = (rows[when] != "").any(axis=1)
    placed = rows["location"] != "" if "location" in rows else dated & False
    valued = (rows.drop(columns=[*when, "location"], errors="ignore") != "").any(axis=1)
    named = rows.reindex(columns=[*when, "location"], fill_value="")
    totals = named.map(lambda text: spelling(text) in TOTALS).any(axis=1)
    undated = ~dated & placed if mapping.persons else dated & False
    wrong = ~totals & ~undated & (valued | (dated & placed))
    if wrong.any():
        row = rows[wrong].iloc[0]
        texts = repr(" ".join(row[when][row[when] != ""])) if dated[wrong].iloc[0] else "an empty cell"
        shown = "the cell of its date" if mapping.persons else texts
        more = f" ({int(wrong.sum()) - 1} more rows)" if wrong.sum() > 1 else ""
        raise DataError(
            f"{sheet}, row {row.name}: {shown} names no period{more}; write one in every row, or remove the row"
        )
    reasons = {TOTAL_ROWS: int(totals.sum()), UNDATED: int((undated & ~totals).sum())}
    return {NOTES: len(rows) - sum(reasons.values()), **reasons}


def _month_of_pair(_: Mapping, __: str, year: str, month: str) -> str:
    plain = ascii_digits(f"{month} {year}") if year and month else ""
    if matched := re.fullmatch(r"(\d{1,2})(?:\.0)? (\d{4})(?:\.0)?", plain):
        return periods.month(f"{int(matched[1])}/{matched[2]}") or ""
    return periods.month(plain) or ""


def _week(mapping: Mapping, where: str, year: str, number: str) -> str:
    numbers = [re.findall(r"\d+(?:\.\d+)?", ascii_digits(text)) for text in (year, number)]
    years, weeks = [[re.sub(r"\.0+$", "", each) for each in found] for found in numbers]
    if not weeks or not any(re.fullmatch(r"\d{4}", each) for each in years):
        return ""
    if len(years) > 1 or len(weeks) > 1 or not weeks[0].isdecimal():
        raise DataError(f"{where}: {year!r} and {number!r} name no single week; write 2020 and 5")
    return _first_day(mapping, where, int(years[0]), int(weeks[0]))


def _period(mapping: Mapping, where: str, text: str) -> str:
    shown = "its date" if mapping.persons else repr(text)
    if matched := periods.week(text):
        return _first_day(mapping, where, *matched)
    if _by_week(mapping):
        return _last_day(mapping, where, text)
    if month := periods.month(text):
        return month
    if not periods.DAY.fullmatch(ascii_digits(text)):
        return ""
    if not mapping.dates:
        raise DataError(f"{where}: {shown} may be read in two orders; say in the mapping `dates: dmy` or `dates: mdy`")
    day = periods.day(text, mapping.dates)
    if day is None:
        raise DataError(f"{where}: {shown} is no date in the order {mapping.dates}; correct `dates` in the mapping")
    return f"{day:%Y-%m}"


def _first_day(mapping: Mapping, where: str, year: int, number: int) -> str:
    system = periods.required_system(mapping.weeks, where)
    try:
        first = periods.first_day(year, number, system)
        return f"{first + timedelta(days=6) if _by_week(mapping) else first:%Y-%m-%d}"
    except ValueError as error:
        raise DataError(f"{where}: {error}; check the week, and `weeks: {system}` in the mapping") from None


def _by_week(mapping: Mapping) -> bool:
    """Whether the national file has weeks, named by their last day."""
    return TASKS[mapping.task].settings().calendar.step == "week"


def _last_day(mapping: Mapping, where: str, text: str) -> str:
    """Of a week that is written by its days, as 2003-12-29/2004-01-04 or one of them; "" for another text."""
    first, _, last = text.partition("/") if re.fullmatch(r"\d{4}-\d\d-\d\d/\d{4}-\d\d-\d\d", text) else (text, "", "")
    order = "ymd" if last else mapping.dates
    if not periods.DAY.fullmatch(ascii_digits(last or first)):
        return ""
    if not last and (not order or not mapping.day):
        raise DataError(
            f"{where}: {text!r} is a day of a week; say in the mapping its order, `dates: ymd`, dmy or mdy, and which "
            f"day of the week it is, `day: first` or `day: last`"
        )
    day = periods.day(last or first, order)
    if day is None or (last and day - date.fromisoformat(first) != timedelta(days=6)):
        raise DataError(f"{where}: {text!r} is no week of seven days; correct it, or `dates` in the mapping")
    return f"{day + timedelta(days=6) if mapping.day == 'first' and not last else day:%Y-%m-%d}"


def _counted(mapping: Mapping, sheet: Sheet, rows: pd.DataFrame) -> pd.DataFrame:
    """A row a place and period: weeks shared among months where the national file has months, else as they stand."""
    table = rows.drop(columns=["year", "month", "week", "time_period"], errors="ignore").rename(
        columns={"period": "time_period"}
    )
    columns = TASKS[mapping.task].tables[TASKS[mapping.task].file].schema.columns
    for name in table.columns:
        if columns[name].kind == "number":
            table[name] = _numbers(table[name], grouped=columns[name].grouped)
    if table["time_period"].str.len().eq(10).any() and not _by_week(mapping):
        return _months(sheet, table)
    return table


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
