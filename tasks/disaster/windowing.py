"""Panel -> DenseWindows: one forecast situation a cell and month."""

import numpy as np
from scipy.special import logit

from tasks.data import DenseWindows, Panel
from tasks.disaster.climatology import RAREST, cell_month
from tasks.disaster.events import follow
from tasks.disaster.features import features
from tasks.disaster.settings import DisasterSettings
from tasks.windows import ahead, part_of


def windows(panel: Panel, settings: DisasterSettings) -> DenseWindows:
    """Situations in order of their origin, then cell, wherever the rain of the origin's month is known.

    inputs: `features` (N, F) and `offset` (N, H), the logit of the cell-month climatology that the model starts from.
    Training situations without any reported label are left out; later ones are kept, to be served.
    """
    months, horizons = panel.target.shape[1], settings.horizons
    course = follow(panel, settings)
    observed = ahead(course.event, horizons)[:, :months]
    usual = ahead(cell_month(course.event), horizons)[:, :months]
    due = panel.periods[:, None] + np.arange(1, horizons + 1)
    part = part_of(due, settings.calendar)
    useful = np.isfinite(observed).any(axis=2) | (part != "train")
    origin, place = np.nonzero((np.isfinite(course.rainfall[:, :months]) & useful).T)
    inputs = {
        "features": features(panel, course, settings)[place, origin].astype(np.float32),
        "offset": logit(np.clip(usual[place, origin], RAREST, 1 - RAREST)).astype(np.float32),
    }
    return DenseWindows(
        country=panel.country,
        places=panel.places,
        inputs=inputs,
        target=observed[place, origin].astype(np.float32),
        observed=observed[place, origin],
        restore={},
        place=place.astype(np.int64),
        origin=panel.periods[origin],
        due=due[origin],
        part=part[origin],
    )
