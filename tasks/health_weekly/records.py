"""National files -> Panel of weekly dengue."""

from pathlib import Path

import numpy as np

from tasks.data import Panel
from tasks.files.grid import grid
from tasks.files.load import read_table
from tasks.health.records import names
from tasks.health_weekly.reporting import simulated, with_reports
from tasks.health_weekly.schema import FILE, SCHEMA
from tasks.health_weekly.settings import STEP, HealthWeeklySettings


def read_study(folder: Path, country: str, settings: HealthWeeklySettings) -> Panel:
    """As `read_panel`; where nobody kept how counts came in, with the delay that the settings simulate."""
    panel = read_panel(folder, country, settings)
    if settings.simulated_delay and panel.known is None:
        return simulated(panel, settings.simulated_delay)
    return panel


def read_panel(folder: Path, country: str, _: HealthWeeklySettings, until: np.datetime64 | None = None) -> Panel:
    """Weekly cases (P, T) of a country's folder, with its reporting triangle if it has one; static `name` (P,).

    until: the last month that is read, with the weeks that end in it. Weeks that the file does not have, at the turn of
    a year or elsewhere, are missing. Raises DataError.
    """
    file = folder / FILE
    table = read_table(file, SCHEMA, until)
    cells = grid(table, ("disease_cases",), file=file, step=STEP)
    panel = Panel(
        country=country,
        periods=cells.periods,
        places=cells.places,
        target=cells.values["disease_cases"],
        static={"name": names(table, cells.places)},
        step=STEP,
    )
    return with_reports(panel, folder, until)
