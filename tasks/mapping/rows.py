"""Rows of a sheet, or of a part of a large file, as records: a period, a place and values, all as text."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from tasks.errors import DataError
from tasks.mapping import periods
from tasks.mapping.mapping import Mapping
from tasks.meaning.spelling import spelling
from tasks.meaning.texts import ascii_digits
from tasks.meaning.totals import TOTALS
from tasks.registry import TASKS
from tasks.sheets.sheet import Sheet

NOTES = "titles, footnotes and empty rows"
TOTAL_ROWS = "rows that say they are totals"
NO_PLACE = "rows without a place"
UNDATED = "persons without a date"
OTHERS = "rows that `only` leaves out"


@dataclass(frozen=True, kw_only=True)
class Records:
    """table: `period` (YYYY-MM, or a week's first day), national columns; its index is the row in the file.

    records: rows that were looked at; dropped: why, how many.
    """

    table: pd.DataFrame
    records: int
    dropped: Counter[str]


def records(mapping: Mapping, names: tuple[str, ...], sheet: Sheet, rows: pd.DataFrame) -> Records:
    """The records among rows of text below the header. Raises DataError for one that cannot be read."""
    chosen = pd.Series(True, index=rows.index)
    for column, values in mapping.only.items():
        chosen &= rows[names.index(column)].isin(values)
    long = _long(mapping, names, rows[chosen])
    texts = _periods(mapping, sheet, long)
    dropped = Counter(_without_period(mapping, sheet, long[texts == ""]))
    dropped[NOTES] += int(chosen.sum()) - int(rows.index.isin(long.index).sum())
    dropped[OTHERS] = int((~chosen).sum())
    long = long.assign(period=texts)[texts != ""]
    if "location" in long:
        dropped[NO_PLACE] = int((long["location"] == "").sum())
        long = long[long["location"] != ""]
    return Records(table=long, records=len(rows), dropped=dropped)


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
    """(N,) YYYY-MM, or a week as YYYY-MM-DD, by its last day where the national file has weeks; "" for no period."""
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
    known: dict[tuple[str, ...], str] = {}  # a long file has few periods
    for row, *texts in zip(rows.index, *(rows[name] for name in columns), strict=True):
        if tuple(texts) not in known:
            known[tuple(texts)] = read(mapping, f"{sheet}, row {row}", *texts)
    pairs = zip(*(rows[name] for name in columns), strict=True)
    return pd.Series([known[pair] for pair in pairs], index=rows.index, dtype=object)


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
    if by_week(mapping):
        return _week_of_person(mapping, where, text) if mapping.persons else _last_day(mapping, where, text)
    if month := periods.month(text):
        return month
    if not periods.DAY.fullmatch(ascii_digits(text)):
        return ""
    if not mapping.dates:
        raise DataError(f"{where}: {shown} may be read in two orders; say in the mapping `dates: dmy` or `dates: mdy`")
    return f"{_day(mapping, where, text, shown):%Y-%m}"


def _day(mapping: Mapping, where: str, text: str, shown: str) -> date:
    day = periods.day(text, mapping.dates)
    if day is None:
        raise DataError(f"{where}: {shown} is no date in the order {mapping.dates}; correct `dates` in the mapping")
    return day


def _week_of_person(mapping: Mapping, where: str, text: str) -> str:
    """The last day of the week of a person's date; "" for another text."""
    if not periods.DAY.fullmatch(ascii_digits(text)):
        return ""
    system = periods.required_system(mapping.weeks, where)
    if not mapping.dates:
        raise DataError(f"{where}: its date may be read in two orders; say in the mapping `dates: dmy` or `dates: mdy`")
    day = _day(mapping, where, text, "its date")
    return f"{day + timedelta(days=(periods.LAST_DAY[system] - day.weekday()) % 7):%Y-%m-%d}"


def _first_day(mapping: Mapping, where: str, year: int, number: int) -> str:
    system = periods.required_system(mapping.weeks, where)
    try:
        first = periods.first_day(year, number, system)
        return f"{first + timedelta(days=6) if by_week(mapping) else first:%Y-%m-%d}"
    except ValueError as error:
        raise DataError(f"{where}: {error}; check the week, and `weeks: {system}` in the mapping") from None


def by_week(mapping: Mapping) -> bool:
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
