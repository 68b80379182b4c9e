"""What a forecaster of dengue hands on: hub quantiles, CHAP samples, outbreak warnings."""

import re

import numpy as np

from tasks.evaluation.distribution import chance_up_to
from tasks.products import cap, chap, hubverse
from tasks.products.forecast import Issued, Outlook, Product

TARGET = "monthly inc dengue case"
OUTBREAK = cap.Hazard(
    event="Dengue outbreak",
    category="Health",
    response="Prepare",
    severity="Unknown",
    meaning="More dengue cases than the mean and two standard deviations of the same month in earlier years.",
    instruction="Compare with the newest reports of the places before acting.",
)
ISO_3166_2 = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")


def quantiles(issued: Issued) -> Product:
    """The hubverse file."""
    return hubverse.quantile_csv(issued, TARGET)


def outlook(issued: Issued) -> Outlook:
    """The chance of an outbreak in every place and period."""
    threshold = issued.windows.threshold
    assert threshold is not None, "the windows of this task know what an outbreak is"
    chance = 1 - chance_up_to(issued.forecast, issued.levels, threshold)
    return Outlook(chance=chance, shown=np.ones(chance.shape, bool))


def warnings(issued: Issued) -> Product:
    """A CAP alert of the places and months whose probability of an outbreak is high enough."""
    return warnings_of(issued, OUTBREAK)


def warnings_of(issued: Issued, hazard: cap.Hazard) -> Product:
    """The same of outbreaks by any step."""
    chance = np.where(issued.coming, outlook(issued).chance, np.nan)
    names = issued.panel.static["name"]
    warned = [
        cap.Warned(
            place=issued.place(row),
            name=str(names[issued.windows.place[row]]),
            code=_code(issued, issued.place(row)),
            group=row,
            period=issued.windows.due[row, h],
            probability=float(chance[row, h]),
        )
        for row, h in np.argwhere(chance >= issued.cost_loss)
    ]
    return cap.alert(issued, hazard, warned, float(np.fmax.reduce(chance, axis=None)))


def _code(issued: Issued, place: str) -> str:
    """What the id of a place is: of a national series the country's own code."""
    if place == issued.panel.country:
        return "ISO 3166-1 alpha-3"
    return "ISO 3166-2" if ISO_3166_2.fullmatch(place) else "location"


PRODUCTS = {"hubverse": quantiles, "chap": chap.samples_csv, "cap": warnings}
