"""agriculture.csv: FAO's national yields, and GDHY's yields of cells with their crop calendar and area; its weather.

The weather is the whole country's. CPC's rain of cells stays out: a cell with rain of its own would have no
temperature, and its gauges drift.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tasks.agriculture.schema import WEATHER, YIELDS
from tasks.importers.cells import CROPS, by_country
from tasks.importers.climate import HEAT, RAIN, SPEI, first_of, series
from tasks.importers.contract import National, Public, PublicFiles, one, tally
from tasks.importers.indices import index
from tasks.places.names import MEMBERS

COLUMNS = [
    "crop_name",
    "country_code",
    "adm_id",
    "harvest_year",
    "yield",
    "planting_month",
    "harvest_month",
    "area",
    "observed",
]
EMPTY = "no yield given"


def assemble(public: PublicFiles) -> Iterator[National]:
    """Two files a country with any yield. Raises DataError."""
    tables: dict[str, list[pd.DataFrame]] = {country: [] for country in sorted(MEMBERS.values())}
    sources: dict[str, list[Path]] = {country: [] for country in tables}
    for rows, files in (_national(public), _cells(public)):
        for country, own in rows.groupby("country"):
            if country in tables:
                tables[str(country)].append(own)
                sources[str(country)] += files if own["yield"].notna().any() else []
    for country, parts in tables.items():
        if not parts:
            continue
        rows = pd.concat(parts, ignore_index=True)
        kept = rows[rows["yield"].notna()]
        yield National(
            country=country,
            task="agriculture",
            name=YIELDS,
            table=_written(kept),
            sources=tuple(sources[country]),
            records=len(rows),
            dropped=tally(rows["yield"].isna().map({True: EMPTY, False: ""})),
        )
        if len(kept):
            yield from _weather(public, country, int(kept["harvest_year"].min()) - 1, int(kept["harvest_year"].max()))


def _national(public: PublicFiles) -> tuple[pd.DataFrame, list[Path]]:
    fao = one(public, "fao")
    if fao is None:
        return pd.DataFrame({"country": [], "yield": []}), []
    return fao.table.assign(adm_id=fao.table["country"]), [fao.file]


def _cells(public: PublicFiles) -> tuple[pd.DataFrame, list[Path]]:
    """country, adm_id, crop_name, harvest_year, yield, planting_month, harvest_month, area, observed: a row a value."""
    gdhy, cells = one(public, "gdhy"), one(public, "cells")
    if gdhy is None:
        return pd.DataFrame({"country": [], "yield": []}), []
    rows = by_country(cells, gdhy).rename(columns={f"{name}_yield": crop for name, crop in CROPS.items()})
    rows = rows.melt(["country", "x", "y", "Year"], list(CROPS.values()), "crop_name", "yield")
    rows = rows.rename(columns={"Year": "harvest_year"})
    rows = rows.assign(adm_id=rows["y"].map("{:.1f}_".format) + rows["x"].map("{:.1f}".format), observed=1)
    areas = one(public, "areas")
    if areas:
        rows = rows.merge(_areas(areas), "left", ["x", "y", "crop_name"])
    dates = [table for table in (one(public, "planting"), one(public, "harvest")) if table is not None]
    if len(dates) == 2:
        for name, table in zip(("planting_month", "harvest_month"), dates, strict=True):
            rows = rows.merge(table.table.rename(columns={"month": name}), "left", ["x", "y", "crop_name"])
        halves = rows[["planting_month", "harvest_month"]]
        rows[halves.columns] = halves.where(halves.notna().all(axis=1))
    used = [gdhy, cells, areas, *(dates if len(dates) == 2 else [])]
    return rows, [each.file for each in used if each is not None]


def _areas(areas: Public) -> pd.DataFrame:
    names = {f"{name}_area": crop for name, crop in CROPS.items()}
    return areas.table.rename(columns=names).melt(["x", "y"], list(CROPS.values()), "crop_name", "area")


def _written(rows: pd.DataFrame) -> pd.DataFrame:
    whole = ("harvest_year", "planting_month", "harvest_month", "observed")
    table = rows.assign(country_code=rows["country"]).reindex(columns=COLUMNS)
    table = table.assign(**{name: table[name].astype("Int64") for name in whole})
    spare = [name for name in ("planting_month", "harvest_month", "area") if table[name].isna().all()]
    return table.drop(columns=spare).sort_values(["adm_id", "crop_name", "harvest_year"], ignore_index=True)


def _weather(public: PublicFiles, country: str, first: int, last: int) -> Iterator[National]:
    """The months of the harvest years and of the year before the first, whose autumn is sown for it."""
    nino, anomaly = index(public, "nino34")
    tables = {
        "rainfall": first_of(public, RAIN),
        "mean_temperature": first_of(public, HEAT),
        "spei": first_of(public, SPEI),
    }
    columns = {name: series(table, country) for name, table in tables.items()} | {"nino34": anomaly}
    months = pd.date_range(f"{first}-01", f"{last}-12", freq="MS", unit="s")
    values = pd.DataFrame({name: each.reindex(months) for name, each in columns.items() if len(each)})
    values = values.dropna(how="all")
    if values.empty:
        return
    table = values.assign(time_period=months[months.isin(values.index)].strftime("%Y-%m"), adm_id=country)
    yield National(
        country=country,
        task="agriculture",
        name=WEATHER,
        table=table[["time_period", "adm_id", *values.columns]].reset_index(drop=True),
        sources=tuple(each.file for each in (*tables.values(), nino) if each is not None),
        records=len(table),
    )
