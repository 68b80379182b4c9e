"""Periods as agencies write them: months in words or digits of any script, dates in a proven order, weeks."""

import re
from collections.abc import Iterable
from datetime import date, timedelta

from tasks.errors import DataError
from tasks.meaning.texts import BUDDHIST, ascii_digits, month_of

WEEK = re.compile(r"^(\d{4})\s*-?\s*(?:w|wk|week|ew|se)?\s*-?\s*(\d{1,2})$", re.IGNORECASE)
WEEK_FIRST = re.compile(r"^(?:w|wk|week|ew|se)\s*-?\s*(\d{1,2})\s*[-/ ,]\s*(\d{4})$", re.IGNORECASE)
DAY = re.compile(r"^(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?:[ T]\d.*)?$")
SYSTEMS = ("iso", "mmwr")
LAST_DAY = {"iso": 6, "mmwr": 5}  # weekday on which a week ends: Sunday, Saturday
ORDERS = ("ymd", "dmy", "mdy")


def month(text: str) -> str | None:
    """YYYY-MM of a text that names one month, as 2004-12, 200412, Dec 2004 or ธ.ค. 2547."""
    plain = ascii_digits(text).strip()
    if re.fullmatch(r"(19|20)\d{2}(0[1-9]|1[0-2])", plain):
        return f"{plain[:4]}-{plain[4:]}"
    return month_of(plain)


def week(text: str) -> tuple[int, int] | None:
    """(year, number) of a text that names a week, as 2020-W53, 2020W5 or Week 5, 2020."""
    plain = ascii_digits(text).strip()
    if not re.search("[a-z]", plain, re.IGNORECASE):
        return None
    if matched := WEEK.fullmatch(plain):
        return int(matched[1]), int(matched[2])
    matched = WEEK_FIRST.fullmatch(plain)
    return (int(matched[2]), int(matched[1])) if matched else None


def first_day(year: int, number: int, system: str) -> date:
    """The first day of a week: Monday in ISO 8601, Sunday in MMWR. Raises ValueError for a week that the year has not.

    Week 1 is the first with four days or more in the year, in both. Source:
    https://ndc.services.cdc.gov/wp-content/uploads/MMWR_Week_overview.pdf
    """
    if system == "iso":
        return date.fromisocalendar(year, number, 1)
    starts = [_mmwr_start(each) for each in (year, year + 1)]
    day = starts[0] + timedelta(weeks=number - 1)
    if not starts[0] <= day < starts[1]:
        raise ValueError(f"{year} has no MMWR week {number}")
    return day


def _mmwr_start(year: int) -> date:
    fourth = date(year, 1, 4)
    return fourth - timedelta(days=(fourth.weekday() + 1) % 7)


def day_order(texts: Iterable[str]) -> str | None:
    """The order of day, month and year that the dates of a column prove; None where they leave two open or are none.

    Footnotes and impossible dates, which are of no order, prove nothing.
    """
    fits = set(ORDERS)
    for text in texts:
        matched = DAY.fullmatch(ascii_digits(text).strip())
        fits &= ({order for order in ORDERS if _day(matched, order) is not None} if matched else set()) or fits
    return fits.pop() if len(fits) == 1 else None


def day(text: str, order: str) -> date | None:
    """The date of a text in an order such as dmy; years of the Buddhist era are turned. None for no such date."""
    matched = DAY.fullmatch(ascii_digits(text).strip())
    return _day(matched, order) if matched else None


def _day(matched: "re.Match[str]", order: str) -> date | None:
    parts = dict(zip(order, matched.groups(), strict=True))
    if len(parts["y"]) != 4 or len(parts["m"]) > 2 or len(parts["d"]) > 2:
        return None
    year = int(parts["y"]) - (BUDDHIST if int(parts["y"]) >= 2443 else 0)
    try:
        return date(year, int(parts["m"]), int(parts["d"]))
    except ValueError:
        return None


def required_system(system: str, where: str) -> str:
    """The declared system of weeks. Raises DataError where it is open: nobody guesses it."""
    if system not in SYSTEMS:
        raise DataError(
            f"{where}: has counts by week; say in the mapping whose weeks they are: `weeks: iso` (from Monday, "
            f"ISO 8601) or `weeks: mmwr` (from Sunday, CDC)"
        )
    return system
