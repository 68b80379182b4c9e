"""National file -> Panel of the disaster task."""

from pathlib import Path

import numpy as np

from tasks.data import Array, Panel
from tasks.disaster.schema import INDICES, RECORDS, SCHEMA, WEATHER
from tasks.disaster.settings import DisasterSettings
from tasks.files.grid import grid
from tasks.files.load import read_table

MEASURED = ("rainfall", "flood")


def read_panel(folder: Path, country: str, settings: DisasterSettings, until: np.datetime64 | None = None) -> Panel:
    """Cells (P, T) of a country's folder. until: the last month that is read. Raises DataError.

    The target is what the hazard is defined by: floods for `flood`, rainfall in mm for the others; the one that is not
    the target is a covariate. static: longitude, latitude (P,).
    """
    file = folder / RECORDS
    table = read_table(file, SCHEMA, until)
    cells = grid(table, (*MEASURED, *WEATHER, *INDICES), file=file)
    values = dict(cells.values)
    centres = table.drop_duplicates("location").set_index("location")
    return Panel(
        country=country,
        periods=cells.periods,
        places=cells.places,
        target=values.pop("flood" if settings.hazard == "flood" else "rainfall"),
        covariates=values,
        static={axis: centres.loc[list(cells.places), axis].to_numpy(np.float64) for axis in ("longitude", "latitude")},
    )


def measured(panel: Panel, name: str) -> Array:
    """`rainfall` or `flood` (P, T), wherever the panel of this hazard holds it."""
    return panel.covariates.get(name, panel.target)


def reported(panel: Panel) -> Array:
    """(P, T) the months whose rain is known, for every hazard: floods are recorded years later."""
    return np.isfinite(measured(panel, "rainfall"))
