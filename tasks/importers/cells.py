"""Tables of 1-degree cells: rain of NOAA CPC, the country of each cell, crop areas, crop calendars, GDHY yields.

A cell is named by its centre: x degrees east, y degrees north.
Sources: CPC Global Unified Gauge-Based Analysis, https://psl.noaa.gov/data/gridded/data.cpc.globalprecip.html (public
domain); GDHY v1.2/1.3, https://doi.org/10.1594/PANGAEA.909132 (CC BY 4.0); crop calendars of Sacks et al. (2010),
https://doi.org/10.1111/j.1466-8238.2010.00551.x
"""

from functools import partial
from pathlib import Path

import pandas as pd

from tasks.errors import DataError
from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.rules import whole_number
from tasks.files.schema import Rule, TableSchema
from tasks.importers.contract import Format, Public
from tasks.places.names import country_of

_X = Column(kind="number", low=-180, high=180, unit="degrees east of the cell's centre")
_Y = Column(kind="number", low=-90, high=90, unit="degrees north of the cell's centre")
_SHARE = Column(kind="number", empty=True, low=0, high=2, unit="share of the cell")
_TEXT = Column(kind="text", empty=True)
CROPS = {"Rice": "rice", "Rice.2": "rice_2", "Maize": "maize"}  # Maize.2 has areas and calendars, but no yields


def _whole(column: str, low: int, high: int) -> Rule:
    return whole_number(column, remedy=f"Write a whole number from {low} to {high}")


RAIN = TableSchema(
    columns={
        "x": _X,
        "y": _Y,
        "year": Column(kind="number", low=1900, high=2099),
        "mo": Column(kind="number", low=1, high=12, unit="1 (January) to 12"),
        "prec": Column(kind="number", empty=True, low=0, high=5000, typical=(20, 1000), unit="mm in the whole month"),
    },
    keys=("x", "y", "year", "mo"),
    rules=(_whole("year", 1900, 2099), _whole("mo", 1, 12)),
)
COUNTRY = TableSchema(
    columns={
        "x": _X,
        "y": _Y,
        "country": Column(kind="text"),
        **dict.fromkeys(("area_spam", "area_i", "area_r"), Column(kind="number", empty=True)),
    },
    keys=("x", "y"),
)
AREA = TableSchema(
    columns={
        "x": _X,
        "y": _Y,
        "Max_area": _SHARE,
        **dict.fromkeys((f"{crop}_area" for crop in (*CROPS, "Maize.2")), _SHARE),
        "Crop": _TEXT,
        "Crop_Rice": _TEXT,
    },
    keys=("x", "y"),
)
_TONNES = "t/ha (kg/ha over 1000, hg/ha over 10000)"
YIELD = TableSchema(
    columns={
        "x": _X,
        "y": _Y,
        "Rice_yield": Column(kind="number", empty=True, low=0, high=40, typical=(1, 15), unit=_TONNES),
        "Rice.2_yield": Column(kind="number", empty=True, low=0, high=40, typical=(1, 15), unit=_TONNES),
        "Maize_yield": Column(kind="number", empty=True, low=0, high=40, typical=(0.6, 15), unit=_TONNES),
        "Maize.2_yield": Column(kind="number", empty=True, low=0, high=40, unit=_TONNES),
        "Year": Column(kind="number", low=1900, high=2099),  # the public table writes 1981.0
    },
    keys=("x", "y", "Year"),
    rules=(_whole("Year", 1900, 2099),),
)


def read(schema: TableSchema, path: Path) -> Public:
    """The table as it is. Raises DataError."""
    return Public(file=path, table=read_table(path, schema))


def read_countries(path: Path) -> Public:
    """x, y and country, an ISO 3166-1 alpha-3 code, or "" outside ASEAN. Raises DataError."""
    table = read_table(path, COUNTRY)
    names = {
        name: country_of(name, f"{path}, row {table.index[table['country'] == name][0]}, column 'country'") or ""
        for name in table["country"].unique()
    }
    return Public(file=path, table=table[["x", "y"]].assign(country=table["country"].map(names)))


def _calendar(step: str) -> TableSchema:
    names = [f"{crop}_{step}_mid" for crop in (*CROPS, "Maize.2")]
    count = Column(kind="number", low=0, high=12, unit="1 to 12, or 0 if the crop does not grow there")
    return TableSchema(
        columns={
            "x": _X,
            "y": _Y,
            "mo": Column(kind="number", low=1, high=12, unit="1 (January) to 12"),
            **dict.fromkeys(names, count),
            "Month": _TEXT,
        },
        keys=("x", "y", "mo"),
        rules=(_whole("mo", 1, 12), *(_whole(name, 0, 12) for name in names)),
    )


def read_calendar(step: str, path: Path) -> Public:
    """x, y, crop_name, month: when a crop is planted or harvested, `step` being 'plant' or 'harvest'.

    The public table counts the months from the event on: the month in which its value is 1 is the event's.
    Raises DataError.
    """
    table = read_table(path, _calendar(step))
    parts = []
    for public, crop in CROPS.items():
        event = table[table[f"{public}_{step}_mid"] == 1]
        twice = event.index[event.duplicated(["x", "y"])]
        if len(twice):
            raise DataError(
                f"{path}, row {twice[0]}, column '{public}_{step}_mid': 1 stands in two months of one cell. "
                f"Count the months of a cell from 1 to 12."
            )
        parts.append(event[["x", "y"]].assign(crop_name=crop, month=event["mo"].astype("int64")))
    return Public(file=path, table=pd.concat(parts))


def _format(schema: TableSchema, title: str, why_unused: str) -> Format:
    return Format(title=title, columns=frozenset(schema.columns), read=partial(read, schema), why_unused=why_unused)


CPC = _format(RAIN, "CPC rain per 1-degree cell", "no cell of it lies in a member state")
AREAS = _format(AREA, "crop areas per 1-degree cell", "it is used with GDHY yields, and there are none")
GDHY = _format(YIELD, "GDHY yields per 1-degree cell", "no cell of it lies in a member state")
CELLS = Format(
    title="country of each 1-degree cell",
    columns=frozenset(COUNTRY.columns),
    read=read_countries,
    why_unused="it gives the country of CPC rain and GDHY yields, and there are none",
)
PLANTING, HARVEST = (
    Format(
        title=f"crop calendar, {word}",
        columns=frozenset(_calendar(step).columns),
        read=partial(read_calendar, step),
        why_unused="it is used with GDHY yields and the other half of the calendar, and one is missing",
    )
    for step, word in (("plant", "planting"), ("harvest", "harvest"))
)


def by_country(cells: Public | None, needed_by: Public) -> pd.DataFrame:
    """The rows of a cell table with a column `country` ("" outside ASEAN); the index stays.

    Raises DataError if there is no table of countries with it.
    """
    if cells is None:
        raise DataError(
            f"{needed_by.file} names cells but not their countries: put the table with the columns "
            f"{', '.join(COUNTRY.columns)} (cells_country.csv) into the same folder"
        )
    countries = cells.table.set_index(["x", "y"])["country"]
    keys = pd.MultiIndex.from_frame(needed_by.table[["x", "y"]])
    return needed_by.table.assign(country=countries.reindex(keys).fillna("").to_numpy())
