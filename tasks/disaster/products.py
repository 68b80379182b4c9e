"""What a forecaster of drought, rain and floods hands on: a table of probabilities, and warnings."""

from io import StringIO

import numpy as np
from scipy.special import expit

from tasks.data import Array
from tasks.files.csv_output import Rows
from tasks.products import cap
from tasks.products.forecast import AGES, Issued, Outlook, Product

COLUMNS = (
    "issued_after",
    "time_period",
    "location",
    "longitude",
    "latitude",
    "hazard",
    "probability",
    "usual_probability",
    "warned",
    *AGES[1:],
)
HAZARDS = {
    "drought": cap.Hazard(
        event="Drought",
        category="Met",
        response="Prepare",
        severity="Moderate",
        meaning="Rain of three months so low that it is usual in one year of six or less (SPI-3 below -1).",
        instruction="Review water use and sowing plans with the newest rain on record.",
    ),
    "rain": cap.Hazard(
        event="Extreme rain",
        category="Met",
        response="Prepare",
        severity="Moderate",
        meaning="A month with more rain than 95 of 100 months had.",
        instruction="Review drainage and slopes, and follow the daily forecasts of the meteorological service.",
    ),
    "flood": cap.Hazard(
        event="Flood",
        category="Met",
        response="Prepare",
        severity="Unknown",
        meaning="A flood that covers the place begins in the month.",
        instruction="Follow the daily forecasts of the hydrological service.",
    ),
}


def table(issued: Issued) -> Product:
    """Probabilities per cell and month, with the usual probability at that time of the year."""
    file = StringIO()
    rows = Rows(file)
    rows.write(COLUMNS)
    chance, usual = issued.forecast[..., 0], expit(issued.windows.inputs["offset"].astype(np.float64))
    for row, h in np.ndindex(chance.shape):
        at = issued.windows.place[row]
        where = (issued.place(row), *(f"{issued.panel.static[axis][at]:g}" for axis in ("longitude", "latitude")))
        warned = int(chance[row, h] >= issued.cost_loss)
        values = (f"{chance[row, h]:.4f}", f"{usual[row, h]:.4f}", warned)
        origin, *ages = issued.ages(row)
        rows.write((origin, issued.windows.due[row, h], *where, issued.settings.hazard, *values, *ages))
    return Product(text=file.getvalue(), summary=f"probabilities of {issued.settings.hazard}")


def outlook(issued: Issued) -> Outlook:
    """The forecast is the chance of the hazard itself."""
    chance = issued.forecast[..., 0]
    return Outlook(chance=chance, shown=np.ones(chance.shape, bool))


def warnings(issued: Issued) -> Product:
    """A CAP alert of the cells and months whose probability is high enough; neighbouring cells make one area."""
    chance = np.where(issued.coming, issued.forecast[..., 0], 0.0)
    centres = np.stack([issued.panel.static["longitude"], issued.panel.static["latitude"]], axis=-1)
    warned: list[cap.Warned] = []
    for h in range(chance.shape[1]):
        rows = np.flatnonzero(chance[:, h] >= issued.cost_loss)
        groups = neighbours(centres[issued.windows.place[rows]])
        for row, group in zip(rows, groups, strict=True):
            warned.append(
                cap.Warned(
                    place=issued.place(row),
                    name=issued.place(row),
                    code="cell",
                    group=int(group),
                    period=issued.windows.due[row, h],
                    probability=float(chance[row, h]),
                    polygon=square(*centres[issued.windows.place[row]]),
                )
            )
    return cap.alert(issued, HAZARDS[issued.settings.hazard], warned, float(chance.max(initial=0.0)))


def neighbours(centres: Array) -> Array:
    """(N, 2) centres of 1-degree cells -> (N,) number of the group of cells that touch, corners included."""
    near = np.abs(centres[:, None] - centres[None]).max(axis=-1, initial=0.0) < 1.5
    group = np.arange(len(centres))
    for _ in range(len(centres)):  # a number travels one cell a turn
        spread = np.where(near, group[None], len(centres)).min(axis=1, initial=len(centres))
        if (spread == group).all():
            break
        group = spread
    return group


def square(longitude: float, latitude: float) -> str:
    """The cell as CAP writes a polygon: latitude,longitude, against the clock, the first point again at the end."""
    corners = ((-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5), (-0.5, -0.5))
    return " ".join(f"{latitude + up:g},{longitude + right:g}" for up, right in corners)


PRODUCTS = {"cap": warnings, "table": table}
