"""Tables of gauges: CAMELS-CH's attributes, Caravan's `attributes_other` and `attributes_hydroatlas`.

Caravan's `attributes_caravan` has climate indices of the whole record, years to be forecast included: not used.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from tasks.errors import DataError
from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.reading import header
from tasks.files.schema import TableSchema
from tasks.importers.contract import Format, Public
from tasks.places.countries import CODES
from tasks.places.names import MEMBERS
from tasks.river.schema import GAUGES_SCHEMA

NEEDED = frozenset(("gauge_id", "country", "gauge_lat", "gauge_lon", "area"))
CLIMATE = frozenset(("gauge_id", "p_mean", "aridity"))
# HydroATLAS -> attribute, and what its numbers are divided by. Source: https://www.hydrosheds.org/hydroatlas
ATLAS = {
    "ele_mt_sav": ("elev_mean", 1),
    "ele_mt_smn": ("elev_min", 1),
    "ele_mt_smx": ("elev_max", 1),
    "slp_dg_sav": ("slope_mean", 10),
    "crp_pc_sse": ("crop_perc", 1),
    "gla_pc_sse": ("ice_perc", 1),
    "urb_pc_sse": ("urban_perc", 1),
}
# Countries of CAMELS-CH and of Caravan's sets outside of ASEAN: alpha-2, alpha-3, English name
OTHERS = """AT AUT Austria|AU AUS Australia|BR BRA Brazil|CA CAN Canada|CH CHE Switzerland|CL CHL Chile|CZ CZE Czechia|
DE DEU Germany|DK DNK Denmark|ES ESP Spain|FR FRA France|GB GBR United Kingdom|IL ISR Israel|IN IND India|IT ITA Italy|
LI LIE Liechtenstein|MX MEX Mexico|NZ NZL New Zealand|SI SVN Slovenia|SK SVK Slovakia|US USA United States of America"""
NAMES = {
    key: words[1]
    for words in (each.strip().split(" ", 2) for each in OTHERS.split("|"))
    for key in (words[0], words[2].lower())
} | MEMBERS


def _read(path: Path) -> Public:
    """gauge_id, country (alpha-3) and the columns of river_gauges.csv that the file has. Raises DataError."""
    table = _of_columns(path, dict(GAUGES_SCHEMA.columns.items()) | {"country": _COUNTRY})
    codes = table["country"].map(country)
    for row in table.index[codes.isna()]:
        raise DataError(
            f"{path}, row {row}, column 'country': {table.at[row, 'country']!r} is no country of a known set; "
            f"write its ISO 3166-1 alpha-3 code"
        )
    return Public(file=path, table=table.assign(country=codes))


_COUNTRY = Column(kind="text")


def _read_atlas(path: Path) -> Public:
    """gauge_id and attributes of HydroATLAS, in the units of river_gauges.csv. Raises DataError."""
    numbers = {name: Column(kind="number", empty=True) for name in ATLAS}
    table = _of_columns(path, {"gauge_id": Column(kind="text"), **numbers})
    values = {name: table[key] / parts for key, (name, parts) in ATLAS.items() if key in table}
    return Public(file=path, table=table[["gauge_id"]].assign(**values))


def _of_columns(path: Path, wanted: dict[str, Column]) -> pd.DataFrame:
    names = header(path)
    other = Column(kind="text", empty=True)
    columns = {name: replace(wanted[name], required=True) if name in wanted else other for name in names}
    table = read_table(path, TableSchema(columns=columns, keys=("gauge_id",)))
    return table[[name for name in wanted if name in table]]


def country(text: str) -> str | None:
    """The alpha-3 code of an alpha-2 or alpha-3 code or an English name; None for another text."""
    return text if text in CODES else NAMES.get(text) or NAMES.get(text.lower())


GAUGES = Format(
    title="gauges and their catchments",
    recognises=lambda columns: columns >= NEEDED,
    read=_read,
    why_unused="the folder has no daily records of its gauges",
)
ATLAS_TABLE = Format(
    title="Caravan's attributes of HydroATLAS",
    recognises=lambda columns: {"gauge_id", "ele_mt_sav"} <= columns,
    read=_read_atlas,
    why_unused="the folder has no daily records of its gauges",
)
CLIMATE_TABLE = Format(
    title="Caravan's climate indices",
    recognises=lambda columns: columns >= CLIMATE,
    why_unused="its indices are of the whole record, years to be forecast included",
)
