"""National file -> Panel of the health task."""

from pathlib import Path

from tasks.health.schema import SCHEMA
from tasks.health.settings import HealthSettings
from tasks.panel import grid
from tasks.schema import read_table
from tasks.task import Panel

FILE = "health.csv"
COVARIATES = ("rainfall", "mean_temperature", "mean_relative_humidity", "population")


def read_panel(folder: Path, country: str, _: HealthSettings) -> Panel:
    """Monthly cases (P, T) and covariates of a country's folder. Raises DataError."""
    file = folder / FILE
    cells = grid(read_table(file, SCHEMA), ("disease_cases", *COVARIATES), file=file)
    return Panel(
        country=country,
        periods=cells.periods,
        places=cells.places,
        target=cells.values["disease_cases"],
        covariates={name: cells.values[name] for name in COVARIATES},
    )
