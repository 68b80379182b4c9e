"""National files -> Panel of the river task."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.data import Array, Panel
from tasks.files.grid import grid
from tasks.files.load import read_table
from tasks.files.reading import SUFFIXES
from tasks.river.schema import GAUGES, GAUGES_SCHEMA, RIVER, RIVER_SCHEMA
from tasks.river.settings import RiverSettings

WEATHER = ("precipitation", "temperature", "pet")
# Attributes of a gauge that a model sees: how they are put on one scale, (centre, spread), after a logarithm or not.
ATTRIBUTES: Mapping[str, tuple[bool, float, float]] = {
    "area": (True, 5.0, 1.5),
    "elev_mean": (False, 1000.0, 600.0),
    "elev_max": (False, 2000.0, 1000.0),
    "slope_mean": (False, 15.0, 10.0),
    "ice_perc": (False, 2.0, 6.0),
    "inwater_perc": (False, 1.0, 2.0),
    "urban_perc": (False, 6.0, 6.0),
    "ewood_perc": (False, 20.0, 15.0),
    "crop_perc": (False, 15.0, 15.0),
    "geo_log10_permeability": (False, -13.5, 1.5),
}
BANDS = 5  # of elevation, in which snow lies
FLAT = 200.0  # m from the mean to either end of a catchment whose elevations are unknown


def read_panel(folder: Path, country: str, settings: RiverSettings) -> Panel:
    """Flow in mm/d (P, T) of every gauge, and the weather of its catchment as covariates.

    static: `attributes` (P, A), on one scale, 0 where unknown; `bands` (P, 5), elevations above the catchment's mean in
    km; `name` (P,), for people; `every` (P,), days between two forecasts. The simulation of a hydrological model, if
    the file has one, is not read: it is no input. Raises DataError.
    """
    return _read(folder, country, None, settings.every)


def read_upcoming(folder: Path, country: str, _: RiverSettings, until: np.datetime64 | None = None) -> Panel:
    """As `read_panel`, with a forecast from every day. until: the last month that is read."""
    return _read(folder, country, until, 1)


def _read(folder: Path, country: str, until: np.datetime64 | None, every: int) -> Panel:
    file = folder / RIVER
    table = read_table(file, RIVER_SCHEMA, until)
    cells = grid(table, ("streamflow", *WEATHER), file=file, place="gauge_id", period="date", step="day")
    gauges = _gauges(folder / GAUGES, cells.places)
    places = len(cells.places)
    return Panel(
        country=country,
        periods=cells.periods,
        places=cells.places,
        target=cells.values["streamflow"],
        covariates={name: cells.values[name] for name in WEATHER},
        static={
            "attributes": _attributes(gauges),
            "bands": _bands(gauges),
            "name": _names(gauges),
            "every": np.full(places, every),
        },
        step="day",
    )


def _gauges(file: Path, places: tuple[str, ...]) -> pd.DataFrame:
    """A row a gauge of the river file; empty where there is no file of gauges."""
    if not any(file.with_suffix(suffix).exists() for suffix in SUFFIXES):
        return pd.DataFrame(index=list(places))
    return read_table(file, GAUGES_SCHEMA).set_index("gauge_id").reindex(list(places))


def _column(gauges: pd.DataFrame, name: str) -> Array:
    return gauges[name].to_numpy(np.float64) if name in gauges else np.full(len(gauges), np.nan)


def _attributes(gauges: pd.DataFrame) -> Array:
    columns = []
    for name, (logarithm, centre, spread) in ATTRIBUTES.items():
        values = _column(gauges, name)
        columns.append(((np.log(np.maximum(values, 0.01)) if logarithm else values) - centre) / spread)
    return np.clip(np.nan_to_num(np.stack(columns, axis=1)), -4, 4)


def _bands(gauges: pd.DataFrame) -> Array:
    """Middles of five equal bands from the lowest point to the highest, in km above the mean."""
    mean = _column(gauges, "elev_mean")
    low, high = (
        np.nan_to_num(_column(gauges, f"elev_{end}") - mean, nan=sign * FLAT) for end, sign in (("min", -1), ("max", 1))
    )
    share = (np.arange(BANDS) + 0.5) / BANDS
    return np.asarray((low[:, None] + (high - low)[:, None] * share) / 1000)


def _names(gauges: pd.DataFrame) -> Array:
    ids = gauges.index.to_numpy(dtype=object)
    if "gauge_name" not in gauges:
        return ids
    named = gauges["gauge_name"].to_numpy(dtype=object)
    return np.array(
        [name if isinstance(name, str) and name else each for name, each in zip(named, ids, strict=True)], object
    )
