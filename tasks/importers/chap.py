"""CHAP's climate-health table, as DHIS2 publishes it: one country, monthly cases and weather per province.

`rainfall` is the mean of a day in mm, although the format's description says mm: ERA5's monthly totals of
the same countries are 30 to 33 times as large, and follow it month by month. National files hold mm a month.
Source: https://github.com/dhis2/climate-health-data
"""

from pathlib import Path

import pandas as pd

from tasks.errors import DataError
from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.rules import whole_number
from tasks.files.schema import TableSchema
from tasks.health.schema import SCHEMA
from tasks.importers.contract import Format, Public
from tasks.places.names import MEMBERS

COUNT = "Write the count, or leave it empty if it was not reported"
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
        whole_number("disease_cases", what="is no whole number of cases", remedy=COUNT),
    ),
)
KNOWN = ("disease_cases", "population", "rainfall", "mean_temperature", "mean_relative_humidity")


def read(path: Path) -> Public:
    """The table typed, `of` its country; rainfall as the file has it.

    Raises DataError for a broken table, and for locations outside ASEAN or of two countries: which country owns the
    others' rows is not for an importer to guess.
    """
    table = read_table(path, CHAP)
    return Public(file=path, table=table, of=_country(path, table))


def monthly(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that say something of their place and month, with rainfall in mm a month; the index stays."""
    rows = table.dropna(subset=list(KNOWN), how="all")
    days = rows["time_period"].dt.days_in_month
    return rows.assign(rainfall=(rows["rainfall"] * days).round(3))


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


FORMAT = Format(
    title="CHAP climate-health table",
    columns=frozenset(CHAP.columns),
    read=read,
    why_unused="it holds no usable row",
)
