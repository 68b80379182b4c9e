"""Panel -> Windows: one forecast situation a cell and month."""

import numpy as np
from scipy.special import logit

from tasks.data import Panel, Windows
from tasks.disaster.climatology import RAREST, cell_month
from tasks.disaster.events import follow
from tasks.disaster.features import features
from tasks.disaster.memory import remembered
from tasks.disaster.settings import DisasterSettings
from tasks.gathered_windows import GatheredWindows, Lagged, Store, dense
from tasks.windows import ahead, part_of


def windows(panel: Panel, settings: DisasterSettings) -> Windows:
    """Situations in order of their origin, then cell, wherever the rain of the origin's month is known.

    inputs: `features` (N, F) and `offset` (N, H), the logit of the cell-month climatology that the model starts from;
    with `settings.history` also `history` (N, M, S), and the windows are then gathered batch by batch.
    Training situations without any reported label are left out; later ones are kept, to be served.
    """
    months, horizons = panel.target.shape[1], settings.horizons
    course = follow(panel, settings)
    usual = ahead(cell_month(course.event), horizons)[:, :months]
    leads = np.arange(1, horizons + 1)
    part = part_of(panel.periods[:, None] + leads, settings.calendar)
    inputs = {
        "features": Lagged(values=features(panel, course, settings).astype(np.float32)),
        "offset": Lagged(values=logit(np.clip(usual, RAREST, 1 - RAREST)).astype(np.float32)),
    }
    if settings.history:
        inputs["history"] = remembered(panel, settings)
    useful = np.isfinite(ahead(course.event, horizons)[:, :months]).any(axis=2) | (part != "train")
    origin, place = np.nonzero((np.isfinite(course.rainfall[:, :months]) & useful).T)
    store = Store(
        country=panel.country,
        places=panel.places,
        periods=course.periods,
        leads=leads,
        part=part,
        inputs=inputs,
        target=Lagged(values=course.event.astype(np.float32), lags=leads),
        observed=Lagged(values=course.event, lags=leads),
    )
    gathered = GatheredWindows(store=store, place=place.astype(np.int64), time=origin.astype(np.int64))
    return gathered if settings.history else dense(gathered)
