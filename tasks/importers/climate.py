"""National climate month by month: a column `Date` such as X194001, and a column a country.

Rain, temperature and SPEI tables have the same columns, so the file's name decides which it is: era_pre, era_tmp,
cru_pre, cru_tmp (with _popweighted where the mean counts people instead of land) or spei.
Source: Gortan et al. (2024); ERA5, CRU TS and SPEIbase beneath it.
"""

import re
from pathlib import Path

import pandas as pd

from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.reading import header
from tasks.files.schema import Rule, TableSchema
from tasks.importers.contract import Format, Public, PublicFiles, one
from tasks.places.countries import CODES
from tasks.places.names import MEMBERS

DATE = "Date"
NAME = re.compile(r"(?:(era|cru)_(pre|tmp)(_popweighted)?|(spei))(?![a-z])")
VALUES = {
    "pre": Column(kind="number", empty=True, low=0, high=5000, typical=(20, 1000), unit="mm in the whole month"),
    "tmp": Column(kind="number", empty=True, low=-20, high=45, typical=(5, 38), unit="deg C (kelvin - 273.15)"),
    "spei": Column(kind="number", empty=True, low=-10, high=10, typical=(-1.5, 1.5), unit="the index, about -4 to 4"),
}
# which table fills a variable: the first of these that lies in the folder
RAIN = ("era_pre", "era_pre_popweighted", "cru_pre", "cru_pre_popweighted")
HEAT = ("era_tmp", "era_tmp_popweighted", "cru_tmp", "cru_tmp_popweighted")
RAIN_ON_PEOPLE = ("era_pre_popweighted", "era_pre", "cru_pre_popweighted", "cru_pre")
HEAT_ON_PEOPLE = ("era_tmp_popweighted", "era_tmp", "cru_tmp_popweighted", "cru_tmp")
SPEI = ("spei",)


def recognises(columns: frozenset[str]) -> bool:
    """A date and countries, no other column."""
    return DATE in columns and len(columns) > 1 and columns - {DATE} <= CODES


def read(path: Path) -> Public | None:
    """month, country, value: a row a month and member state; None if the name holds no variable. Raises DataError."""
    match = NAME.search(path.name.lower())
    if match is None:
        return None
    countries = [name for name in header(path) if name != DATE]
    kind = match.group(2) or "spei"
    table = read_table(path, _schema(countries, VALUES[kind]))
    long = table.melt(
        id_vars=[DATE], value_vars=[each for each in countries if each in MEMBERS.values()], var_name="country"
    )
    months = pd.to_datetime(long[DATE], format="X%Y%m").astype("datetime64[s]")
    return Public(
        file=path,
        table=long.assign(month=months)[["month", "country", "value"]].dropna(),
        of=match.group(0),
    )


def first_of(public: PublicFiles, names: tuple[str, ...]) -> Public | None:
    """The table preferred among those that are there."""
    tables = (one(public, "climate", name) for name in names)
    return next((table for table in tables if table is not None), None)


def series(table: Public | None, country: str) -> "pd.Series[float]":
    """month -> value of a country; empty where there is no table."""
    if table is None:
        return pd.Series(dtype="float64", index=pd.DatetimeIndex([], dtype="datetime64[s]"))
    rows = table.table[table.table["country"] == country]
    return rows.set_index("month")["value"]


def _schema(countries: list[str], values: Column) -> TableSchema:
    return TableSchema(
        columns={DATE: Column(kind="text"), **dict.fromkeys(countries, values)},
        keys=(DATE,),
        rules=(
            Rule(
                columns=(DATE,),
                broken=lambda rows: ~rows[DATE].str.fullmatch(r"X(19|20)\d{2}(0[1-9]|1[0-2])"),
                shown=DATE,
                what="is not a month such as X194001",
                remedy="Write X, the year and two digits of the month",
            ),
        ),
    )


FORMAT = Format(
    title="national climate table",
    recognises=recognises,
    read=read,
    why_unused="ERA5 goes before CRU; the name of a table must hold era_pre, era_tmp, cru_pre, cru_tmp or spei",
)
