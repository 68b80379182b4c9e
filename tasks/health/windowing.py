"""Panel -> DenseWindows of the health task: every place at every month from which a forecast can be made."""

import numpy as np

from tasks.data import DenseWindows, Panel
from tasks.health.features import CARRY, features, scale_of
from tasks.health.outbreaks import thresholds
from tasks.health.settings import HealthSettings
from tasks.windows import ahead, carried, part_of

HISTORY = 12  # months of record before an origin, so that it has seen every season; older lags may be unknown


def windows(panel: Panel, settings: HealthSettings) -> DenseWindows:
    """Origins in order of time, of each the places whose last value is at most three months old.

    Model unit: log1p cases, minus the last known, in spreads of the place; `floor` is where it means no case.
    threshold: more cases than that are an outbreak.
    """
    values, scale = np.log1p(panel.target), scale_of(panel, settings)
    last, cases = carried(values, CARRY), ahead(panel.target, settings.horizons)
    usable = np.isfinite(last)
    usable[:, :HISTORY] = False
    origin, place = np.nonzero(usable.T)
    at = (place, origin)
    target = (np.log1p(cases[at]) - last[at][:, None]) / scale[at][:, None]
    steps = np.arange(1, settings.horizons + 1)
    due = panel.periods[origin][:, None] + steps
    return DenseWindows(
        country=panel.country,
        places=panel.places,
        inputs={
            "features": features(panel, settings)[at].astype(np.float32),
            "floor": (-last[at] / scale[at]).astype(np.float32),
        },
        target=target.astype(np.float32),
        observed=cases[at],
        restore={"last": last[at], "scale": scale[at]},
        place=place.astype(np.int64),
        origin=panel.periods[origin],
        due=due,
        part=part_of(due, settings.calendar),
        threshold=thresholds(panel.target, settings.horizons)[place[:, None], origin[:, None] + steps],
    )
