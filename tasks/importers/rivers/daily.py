"""Daily records of gauges: CAMELS-CH as cut into one table a country, CAMELS-CH's own files and Caravan's, one a gauge.

Both sets give streamflow in mm a day; both are CC BY 4.0. Sources: CAMELS-CH, Hoege et al. 2023,
https://doi.org/10.5281/zenodo.7784632; Caravan, Kratzert et al. 2023, https://doi.org/10.1038/s41597-023-01975-w.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tasks.errors import DataError
from tasks.files.columns import Column
from tasks.files.load import read_table
from tasks.files.reading import header, stem_of
from tasks.files.schema import TableSchema
from tasks.importers.contract import Format, Public
from tasks.river.schema import RIVER_SCHEMA

TABLE = {  # public column -> column of river.csv
    "gauge_id": "gauge_id",
    "date": "date",
    "discharge_mm_d": "streamflow",
    "precipitation_mm_d": "precipitation",
    "temperature_degc": "temperature",
    "pet_mm_d": "pet",
    "prevah_discharge_mm_d": "simulated_streamflow",
}
CAMELS = {
    "date": "date",
    "discharge_spec(mm/d)": "streamflow",
    "precipitation(mm/d)": "precipitation",
    "temperature_mean(degC)": "temperature",
}
CARAVAN = {
    "date": "date",
    "streamflow": "streamflow",
    "total_precipitation_sum": "precipitation",
    "temperature_2m_mean": "temperature",
}
EVAPORATION = (  # Caravan's, the better first
    "potential_evaporation_sum_FAO_PENMAN_MONTEITH",
    "potential_evaporation_sum_ERA5_LAND",
    "potential_evaporation_sum",
)
WITHOUT_GAUGES = "no table of gauges in the folder says in which country its gauges lie"


def _read(path: Path, known: Mapping[str, str]) -> Public:
    """The columns of river.csv, typed; a file of one gauge is named by it. Raises DataError."""
    names = header(path)
    spare = next((name for name in EVAPORATION if name in names), None)
    known = {**known, **({spare: "pet"} if known is CARAVAN and spare else {})}
    columns = {name: Column(kind="text", empty=True) for name in names if name not in known}
    for public, national in known.items():
        columns[public] = replace(RIVER_SCHEMA.columns[national], required=True)
    keys = tuple(public for public, national in known.items() if national in RIVER_SCHEMA.keys)
    table = read_table(path, TableSchema(columns=columns, keys=keys))[list(known)].rename(columns=dict(known))
    return Public(file=path, table=table if "gauge_id" in table else table.assign(gauge_id=_gauge(path)))


def _gauge(path: Path) -> str:
    """The gauge that a file of one gauge is named by: CAMELS_CH_obs_based_2034.csv, camelsch_2034.csv."""
    stem = stem_of(path)
    gauge = stem.rpartition("_")[2] if "obs_based" in stem else stem
    if not gauge:
        raise DataError(f"{path}: its name must end in the id of its gauge, such as CAMELS_CH_obs_based_2034.csv")
    return gauge


TABLES = Format(
    title="daily flow and weather of a country's gauges",
    columns=frozenset(TABLE),
    read=lambda path: _read(path, TABLE),
    why_unused=WITHOUT_GAUGES,
)
CAMELS_FILES = Format(
    title="CAMELS-CH daily records of a gauge",
    recognises=lambda columns: set(CAMELS) <= columns,
    read=lambda path: _read(path, CAMELS),
    why_unused=WITHOUT_GAUGES,
)
CARAVAN_FILES = Format(
    title="Caravan daily records of a gauge",
    recognises=lambda columns: set(CARAVAN) <= columns and "gauge_id" not in columns,
    read=lambda path: _read(path, CARAVAN),
    why_unused=WITHOUT_GAUGES,
)
