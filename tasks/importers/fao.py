"""FAOSTAT's national yields as Our World in Data publishes them: a row a country and year, a column a crop.

A value that repeats the year before to the last digit was carried forward by the statistics, not observed.
Source: https://ourworldindata.org/crop-yields, CC BY; FAO beneath it.
"""

from pathlib import Path

from tasks.agriculture.schema import TYPICAL
from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.reading import header
from tasks.files.schema import Rule, TableSchema
from tasks.importers.contract import Format, Public

UNIT = " (tonnes per hectare)"
LINE = "Unnamed: 0"  # the row's number in the worldwide table
PLACE = ("Entity", "Code", "Year")
_TONNES = "t/ha (kg/ha over 1000, hg/ha over 10000)"


def recognises(columns: frozenset[str]) -> bool:
    """Entity, Code, Year and crops in tonnes per hectare, no other column but the row's number."""
    crops = columns - {LINE, *PLACE}
    return set(PLACE) <= columns and bool(crops) and all(name.endswith(UNIT) for name in crops)


def read(path: Path) -> Public:
    """country, crop_name, harvest_year, yield (t/ha), observed: a row a value, empty ones included.

    Crops of which the task knows nothing are left out. Raises DataError.
    """
    crops = {name: name.removesuffix(UNIT) for name in header(path) if name.endswith(UNIT)}
    table = read_table(path, _schema(crops))
    known = [name for name, crop in crops.items() if _named(crop) in TYPICAL]
    long = table.melt(id_vars=["Code", "Year"], value_vars=known, var_name="crop_name", value_name="yield")
    long["crop_name"] = long["crop_name"].map({name: _named(crop) for name, crop in crops.items()})
    long = long.rename(columns={"Code": "country", "Year": "harvest_year"})
    long = long.sort_values(["country", "crop_name", "harvest_year"], ignore_index=True)
    before = long.groupby(["country", "crop_name"])[["harvest_year", "yield"]].shift()
    repeated = (before["harvest_year"] == long["harvest_year"] - 1) & (before["yield"] == long["yield"])
    return Public(file=path, table=long.assign(observed=(~repeated).astype("int64")))


def _named(crop: str) -> str:
    """A crop as the task calls it."""
    return crop.lower().replace(" ", "_")


def _schema(crops: dict[str, str]) -> TableSchema:
    values = {
        name: Column(
            kind="number",
            empty=True,
            low=0,
            high=150,
            typical=TYPICAL.get(_named(crop), (0, float("inf"))),
            unit=_TONNES,
        )
        for name, crop in crops.items()
    }
    return TableSchema(
        columns={
            LINE: Column(kind="text", required=False, empty=True),
            "Entity": Column(kind="text", empty=True),
            "Code": Column(kind="text", empty=True),  # regions of several countries have none
            "Year": Column(kind="year"),
            **values,
        },
        keys=("Entity", "Year"),
        rules=(
            Rule(
                columns=("Code", "Year"),
                broken=lambda rows: rows["Code"].notna() & rows.duplicated(["Code", "Year"]),
                shown="Code",
                what="has this year under another name already",
                remedy="Keep one country a code",
            ),
        ),
    )


FORMAT = Format(
    title="FAO national yields", recognises=recognises, read=read, why_unused="no row of it is of a member state"
)
