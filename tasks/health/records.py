"""National file -> Panel of the health task."""

from pathlib import Path

import numpy as np
import pandas as pd

from tasks.data import Array, Panel
from tasks.files.grid import grid
from tasks.files.load import read_table
from tasks.health.schema import SCHEMA
from tasks.health.settings import HealthSettings

FILE = "health.csv"
COVARIATES = ("rainfall", "mean_temperature", "mean_relative_humidity", "population")


def read_panel(folder: Path, country: str, _: HealthSettings, until: np.datetime64 | None = None) -> Panel:
    """Monthly cases (P, T) and covariates of a country's folder; static `name` (P,), for people.

    until: the last month that is read. Raises DataError.
    """
    file = folder / FILE
    table = read_table(file, SCHEMA, until)
    cells = grid(table, ("disease_cases", *COVARIATES), file=file)
    return Panel(
        country=country,
        periods=cells.periods,
        places=cells.places,
        target=cells.values["disease_cases"],
        covariates={name: cells.values[name] for name in COVARIATES},
        static={"name": names(table, cells.places)},
    )


def names(table: pd.DataFrame, places: tuple[str, ...]) -> Array:
    """The first name that the file gives each place; its id where there is none."""
    if "location_name" not in table:
        return np.array(places, dtype=object)
    named = table[table["location_name"].fillna("") != ""].drop_duplicates("location").set_index("location")
    return np.array([named["location_name"].get(place, place) for place in places], dtype=object)
