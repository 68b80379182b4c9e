"""Weekly dengue counts as six countries publish them: a row a place and the last day of its week.

Each file's weeks are those of its agency, as the agency documents them: nothing is guessed from the numbers.
A Public of them has the columns location, last (datetime64[s], the last day of the week), cases and, where the file has
weather, rainfall (mm in the week) and mean_temperature (deg C); `records` and `dropped` are in its attrs.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shlex import quote

import numpy as np
import pandas as pd

from tasks.data import Array
from tasks.errors import DataError
from tasks.files.reading import shorten
from tasks.importers.contract import Format, Public
from tasks.importers.weekly.reading import EMPTY, counts, dates, numbers, on_weekday, text_of, zeros_between
from tasks.mapping.periods import first_day

MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6
KELVIN = 273.15
NO_PLACE = "no place"
TAG_ROW = "the row of HXL tags"
UNUSED = "it holds no count of a week"
NULL = r"\N"  # as databases write a missing text
# Country -> names of its places: a table of the same columns may be another country's.
NAMES = {
    "LKA": "Ampara|Anuradhapura|Badulla|Batticaloa|Colombo|Galle|Gampaha|Hambanthota|Jaffna|Kalmune|Kalutara|Kandy|"
    "Kegalle|Kilinochchi|Kurunegala|Mannar|Matale|Matara|Monaragala|Mullaitivu|NuwaraEliya|Polonnaruwa|Puttalam|Ratnapura|"
    "Trincomalee|Vavuniya",
    "BRA": "A[CLMP]|BA|CE|DF|ES|GO|M[AGST]|P[ABEIR]|R[JNORS]|S[CEP]|TO",
    "NIC": "boaco|carazo|chinandega|chontales|esteli|granada|jinotega|leon|madriz|managua|masaya|matagalpa|"
    "nueva segovia|raan|raas|rio san juan|rivas",
    "PHL": "(?i:region [ivx]+(-?[ab])?-.*)|BARMM|CAR|CARAGA|NATIONAL CAPITAL REGION",
    "PER": "AMAZONAS|ANCASH|APURIMAC|AREQUIPA|AYACUCHO|CAJAMARCA|CALLAO|CUSCO|HUANCAVELICA|HUANUCO|ICA|JUNIN|"
    "LA LIBERTAD|LAMBAYEQUE|LIMA|LORETO|MADRE DE DIOS|MOQUEGUA|PASCO|PIURA|PUNO|SAN MARTIN|TACNA|TUMBES|UCAYALI",
    "TWN": "[A-Z][a-z]+( Taipei)? (City|County)",
}


def _public(path: Path, of: str, table: pd.DataFrame, records: int, dropped: dict[str, int]) -> Public:
    table = table.assign(last=table["last"].to_numpy().astype("M8[s]"))
    for row, each in table[table.duplicated(["location", "last"])].head(1).iterrows():
        raise DataError(
            f"{path}, row {row}: {each['location']!s} has the week that ends on {each['last']:%Y-%m-%d} twice. "
            f"Keep one row."
        )
    missing = int(table["cases"].isna().sum())
    table = table[table["cases"].notna()]
    table.attrs = {"records": records, "dropped": dropped | ({EMPTY: missing} if missing else {})}
    return Public(file=path, table=table, of=of)


def _check_places(path: Path, country: str, places: "pd.Series[str]") -> None:
    """Raise DataError for a place of another country."""
    for row, place in places[~places.str.fullmatch(re.compile(NAMES[country]))].head(1).items():
        raise DataError(
            f"{path}, row {row}, column {places.name!r}: {shorten(place)} is no place of {country}, of which tables "
            f"with these columns are known. For another table: gotong data map {quote(str(path))} country=CODE "
            "task=health_weekly"
        )


def sri_lanka(path: Path) -> Public:
    """Districts of Sri Lanka's Epidemiology Unit, whose weeks run from Saturday to Friday.

    Some weeks of 2009 ran from Sunday to Saturday, between one of eight days and one of six; see `on_weekday`.
    """
    rows = text_of(path, ("end.date", "district", "cases"))
    _check_places(path, "LKA", rows["district"])
    last = on_weekday(dates(path, rows["end.date"], "%m/%d/%Y"), FRIDAY)
    table = pd.DataFrame({"location": rows["district"], "last": last, "cases": counts(path, rows["cases"])})
    return _public(path, "LKA", table, len(rows), {})


def brazil(path: Path) -> Public:
    """States of Brazil from InfoDengue; `date` is the Sunday on which an epidemiological week begins."""
    rows = text_of(path, ("date", "uf", "casos"))
    _check_places(path, "BRA", rows["uf"])
    last = dates(path, rows["date"], "%Y-%m-%d") + 6
    table = pd.DataFrame({"location": rows["uf"], "last": last, "cases": counts(path, rows["casos"])})
    return _public(path, "BRA", table, len(rows), {})


def nicaragua(path: Path) -> Public:
    """Departments of Nicaragua in CHAP's weekly form, `2003-12-29/2004-01-04`.

    rainfall is the mean of a day in metres, mean_temperature in kelvin. `population` stays out: it is a filler, drawn
    anew between 100,000 and 101,000 for every department and week.
    """
    rows = text_of(path, ("time_period", "location", "disease_cases", "rainfall", "mean_temperature"))
    _check_places(path, "NIC", rows["location"])
    ends = rows["time_period"].str.extract(r"^(\d{4}-\d{2}-\d{2})/(\d{4}-\d{2}-\d{2})$")
    first, last = (dates(path, ends[side].fillna("").rename("time_period"), "%Y-%m-%d") for side in (0, 1))
    for row, value in rows["time_period"][last - first != np.timedelta64(6, "D")].head(1).items():
        raise DataError(f"{path}, row {row}, column 'time_period': {shorten(value)} is no week of 7 days. Correct it.")
    table = pd.DataFrame(
        {
            "location": rows["location"],
            "last": last,
            "cases": counts(path, rows["disease_cases"]),
            "rainfall": (numbers(path, rows["rainfall"]) * 7000).round(2),
            "mean_temperature": (numbers(path, rows["mean_temperature"]) - KELVIN).round(2),
        }
    )
    return _public(path, "NIC", table, len(rows), {})


def philippines(path: Path) -> Public:
    """Provinces and cities of the Philippine DOH through HDX: a row of HXL tags follows the header.

    `date` is the Sunday after an epidemiological week, whose last day is the Saturday before: 2016-01-10 is the first,
    and morbidity week 1 of 2016 ends on 2016-01-09.
    """
    rows = text_of(path, ("loc", "cases", "date", "Region"))
    tags = rows["loc"].str.startswith("#")
    rows = rows[~tags]
    _check_places(path, "PHL", rows["Region"])
    last = dates(path, rows["date"], "%m/%d/%Y") - 1
    table = pd.DataFrame({"location": rows["loc"], "last": last, "cases": counts(path, rows["cases"])})
    return _public(path, "PHL", table, len(rows) + int(tags.sum()), {TAG_ROW: int(tags.sum())} if tags.any() else {})


def peru(path: Path) -> Public:
    """Provinces of Peru by epidemiological week, Sunday to Saturday (MMWR); the file lists no week without a case.

    A week in which some province reports counts 0 in all others; a week that nobody reports stays missing.
    """
    rows = text_of(path, ("departamento", "provincia", "ano", "semana", "cases"))
    nowhere = rows[["departamento", "provincia"]].isin((NULL, "")).any(axis=1)
    kept = rows[~nowhere]
    _check_places(path, "PER", kept["departamento"])
    last = np.array([_mmwr(path, *each) for each in zip(kept.index, kept["ano"], kept["semana"], strict=True)])
    table = pd.DataFrame(
        {
            "location": kept["departamento"] + "/" + kept["provincia"],
            "last": last.astype("datetime64[D]"),
            "cases": counts(path, kept["cases"]),
        }
    )
    listed = _public(path, "PER", table, len(rows), {NO_PLACE: int(nowhere.sum())} if nowhere.any() else {})
    return _filled(listed, np.unique(listed.table["last"].to_numpy()))


def taiwan(path: Path) -> Public:
    """Counties of Taiwan by week of onset, from Monday: the sum over the weeks of notification, and its course.

    Dengue is notified case by case, so a county without a row had no case, from the first week to the last.
    """
    rows = text_of(path, ("county", "onset_week_monday", "notified_week_monday", "cases"))
    nowhere = rows["county"] == ""
    kept = rows[~nowhere]
    _check_places(path, "TWN", kept["county"])
    table = pd.DataFrame(
        {
            "location": kept["county"],
            "last": dates(path, kept["onset_week_monday"], "%Y-%m-%d") + 6,
            "known_at": dates(path, kept["notified_week_monday"], "%Y-%m-%d") + 6,
            "cases": counts(path, kept["cases"]),
        }
    )
    onset = table.groupby(["location", "last"], sort=True)["cases"].sum().reset_index()
    dropped = {NO_PLACE: int(nowhere.sum())} if nowhere.any() else {}
    summed = _public(path, "TWN", onset, len(rows), dropped)
    last = summed.table["last"].to_numpy().astype("datetime64[D]")
    return replace(_filled(summed, np.arange(last.min(), last.max() + 1, 7)), reports=_reports(table))


def _reports(table: pd.DataFrame) -> pd.DataFrame:
    """location, last, known_at, cases: how many of a week's cases were on record at the end of each week after it."""
    by_report = table.groupby(["location", "last", "known_at"], sort=True)["cases"].sum()
    return by_report.groupby(level=["location", "last"]).cumsum().reset_index()


def _filled(public: Public, weeks: Array) -> Public:
    table = zeros_between(public.table, weeks)
    table.attrs = public.table.attrs
    return Public(file=public.file, table=table, of=public.of)


def _mmwr(path: Path, row: object, year: str, number: str) -> np.datetime64:
    try:
        return np.datetime64(first_day(int(year), int(number), "mmwr"), "D") + 6
    except ValueError:
        raise DataError(
            f"{path}, row {row}, column 'semana': week {shorten(number)} of {shorten(year)} is none of the calendar of "
            f"epidemiological weeks. Correct it."
        ) from None


def _format(title: str, columns: str, read: Callable[[Path], Public]) -> Format:
    return Format(title=title, columns=frozenset(columns.split()), read=read, why_unused=UNUSED)


FORMATS: dict[str, Format] = {
    "lka_weekly": _format(
        "weekly dengue, districts of Sri Lanka", "year week start.date end.date district cases", sri_lanka
    ),
    "bra_weekly": _format("weekly dengue, states of Brazil", "date epiweek uf casos enso", brazil),
    "nic_weekly": _format(
        "weekly dengue in CHAP's form, departments of Nicaragua",
        "time_period rainfall mean_temperature disease_cases population location",
        nicaragua,
    ),
    "phl_weekly": _format("weekly dengue, Philippine DOH through HDX", "loc cases date Region", philippines),
    "per_weekly": _format("weekly dengue, provinces of Peru", "departamento provincia ano semana cases", peru),
    "twn_weekly": _format(
        "weekly dengue by onset and notification, counties of Taiwan",
        "county onset_week_monday notified_week_monday cases",
        taiwan,
    ),
}
