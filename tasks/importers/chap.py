"""CHAP's climate-health table, as DHIS2 publishes it: one country, monthly cases and weather per province.

`rainfall` is the mean of a day in mm, although the format's description says mm: ERA5's monthly totals of
the same countries are 30 to 33 times as large, and follow it month by month. National files hold mm a month.
Source: https://github.com/dhis2/climate-health-data
"""

from pathlib import Path

import pandas as pd

from tasks.columns import Column
from tasks.errors import DataError
from tasks.health.schema import SCHEMA
from tasks.importers.national import MEMBERS, write_national
from tasks.importers.report import ImportReport
from tasks.schema import Rule, TableSchema, read_table

CHAP = TableSchema(
    columns={
        **SCHEMA.columns,
        "rainfall": Column(
            kind="number",
            empty=True,
            low=0,
            high=150,
            typical=(0, 20),  # the region's countries have 4 to 8
            unit="mm a day; a table in mm a month is a national file already and needs no import",
        ),
    },
    keys=SCHEMA.keys,
    rules=(
        *SCHEMA.rules,
        Rule(
            columns=("disease_cases",),
            broken=lambda rows: rows["disease_cases"] % 1 > 0,
            shown="disease_cases",
            what="is no whole number of cases",
            remedy="Write the count, or leave it empty if it was not reported",
        ),
    ),
)
KNOWN = ("disease_cases", "population", "rainfall", "mean_temperature", "mean_relative_humidity")


def recognises(columns: frozenset[str]) -> bool:
    """CHAP's eight columns, all of them and no other."""
    return columns == frozenset(CHAP.columns)


def convert(path: Path, to: Path) -> list[ImportReport]:
    """One report: a CHAP file is of one country."""
    return [import_chap(path, to)]


def import_chap(source: Path, to: Path) -> ImportReport:
    """Write `to`/COUNTRY/health.csv from a CHAP table; locations keep their ids, rainfall becomes mm a month.

    Rows that say nothing of their place and month are left out and counted.
    Raises DataError for a broken table, and for locations outside ASEAN or of two countries: which country owns the
    others' rows is not for an importer to guess.
    """
    table = read_table(source, CHAP)
    country = _country(source, table)
    told = table.dropna(subset=KNOWN, how="all")
    file = write_national(to, country, "health", _national(told))
    mute = len(table) - len(told)
    return ImportReport(
        source=source, country=country, file=file, kept=len(told), dropped={"no value at all": mute} if mute else {}
    )


def _country(source: Path, table: pd.DataFrame) -> str:
    """The country of ISO 3166-2 ids such as LA-VT."""
    prefix = table["location"].str.split("-").str[0]
    for row, (location, code) in enumerate(zip(table["location"], prefix, strict=True)):
        if code not in MEMBERS or "-" not in location:
            raise DataError(
                f"{source}, row {table.index[row]}, column 'location': {location!r} lies in no member state. "
                f"Write ISO 3166-2 ids, which begin with one of {', '.join(MEMBERS)} and a hyphen."
            )
        if code != prefix.iloc[0]:
            raise DataError(
                f"{source}, row {table.index[row]}, column 'location': {location!r} follows locations of "
                f"{prefix.iloc[0]}. Split the file, one country each."
            )
    return MEMBERS[prefix.iloc[0]]


def _national(table: pd.DataFrame) -> pd.DataFrame:
    months = table["time_period"].dt
    return pd.DataFrame(
        {
            "time_period": months.strftime("%Y-%m"),
            "location": table["location"],
            "disease_cases": table["disease_cases"].astype("Int64"),
            "population": table["population"].round().astype("Int64"),
            "rainfall": (table["rainfall"] * months.days_in_month).round(3),
            "mean_temperature": table["mean_temperature"],
            "mean_relative_humidity": table["mean_relative_humidity"],
            "location_name": table["location_name"],
        }
    )
