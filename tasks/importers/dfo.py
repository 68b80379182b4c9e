"""The flood archive of the Dartmouth Flood Observatory: where, how large, from when to when.

`Country` and `OtherCountry` are typed by hand: misspelt, with no-break spaces, under old and new names; 0 is none.
Some points lie outside the country (one Indonesian flood in England): no cell is near them, so they mark none.
Source: Brakenridge, Global Active Archive of Large Flood Events, https://floodobservatory.colorado.edu (research and
education).
"""

from pathlib import Path

import pandas as pd

from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.schema import Rule, TableSchema
from tasks.importers.contract import Format, Public
from tasks.places.names import country_of

_TEXT = Column(kind="text", empty=True)
NOBODY = ("", "0", "NA")
SCHEMA = TableSchema(
    columns={
        "ID": Column(kind="text"),
        "GlideNumber": _TEXT,
        "Country": _TEXT,
        "OtherCountry": _TEXT,
        "long": Column(kind="number", low=-180, high=180, unit="degrees east"),
        "lat": Column(kind="number", low=-90, high=90, unit="degrees north"),
        "Area": Column(kind="number", low=0, high=1e7, typical=(1e3, 1e6), unit="square kilometres"),
        "Began": Column(kind="date"),
        "Ended": Column(kind="date", empty=True),
        **dict.fromkeys(("Validation", "Dead", "Displaced", "MainCause", "Severity"), _TEXT),
    },
    keys=("ID", "long", "lat"),  # a flood may have several centres
    rules=(
        Rule(
            columns=("Began", "Ended"),
            broken=lambda rows: rows["Ended"] < rows["Began"],
            shown="Ended",
            what="lies before the flood began",
            remedy="Check the two dates; both are YYYY-MM-DD",
        ),
    ),
)


def read(path: Path) -> Public:
    """country, long, lat, Area (km2), Began, row: a line a centre of a flood and member state that it names.

    Raises DataError.
    """
    table = read_table(path, SCHEMA)
    parts = []
    for column in ("Country", "OtherCountry"):
        names = table[column].fillna("").str.strip()
        codes = {
            name: None
            if name in NOBODY
            else country_of(name, f"{path}, row {table.index[names == name][0]}, column {column!r}")
            for name in names.unique()
        }
        parts.append(table[["long", "lat", "Area", "Began"]].assign(country=names.map(codes), row=table.index))
    named = pd.concat(parts).dropna(subset="country").drop_duplicates(["row", "country"])
    return Public(file=path, table=named)


FORMAT = Format(
    title="DFO flood archive",
    columns=frozenset(SCHEMA.columns),
    read=read,
    why_unused="it is used with the rain of cells, and there is none",
)
