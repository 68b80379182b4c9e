"""Panel -> DenseWindows of weekly dengue: every place at every week from which a forecast can be made."""

import numpy as np

from tasks.data import Array, DenseWindows, Panel
from tasks.health_weekly.calendar import DAYS, at_steps, same_week
from tasks.health_weekly.features import CARRY, features, scale_of
from tasks.health_weekly.settings import HealthWeeklySettings
from tasks.windows import carried, part_of

HISTORY = 8  # weeks of record before an origin; of longer ones that are unknown, the features say so
NEAR = (-1, 0, 1)  # weeks of earlier years that an outbreak is compared with
LEAST = 15  # of them, known: five years
SPREADS = 2.0  # standard deviations above the mean
FEW = 4.0  # cases that are never an outbreak, also where earlier years had none


def windows(panel: Panel, settings: HealthWeeklySettings) -> DenseWindows:
    """Origins in order of time, of each the places whose last value is at most three weeks old.

    Model unit: log1p cases, minus the last known, in spreads of the place; `floor` is where it means no case.
    threshold: more cases than that are an outbreak.
    """
    values, scale = np.log1p(panel.target), scale_of(panel, settings)
    last, cases = carried(values, CARRY), at_steps(panel.target, settings.horizons)
    usable = np.isfinite(last)
    usable[:, :HISTORY] = False
    origin, place = np.nonzero(usable.T)
    at = (place, origin)
    target = (np.log1p(cases[at]) - last[at][:, None]) / scale[at][:, None]
    steps = np.array(settings.horizons)
    due = panel.periods[origin][:, None] + DAYS * steps
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
        threshold=thresholds(panel.target, max(settings.horizons))[place[:, None], origin[:, None] + steps],
    )


def thresholds(cases: Array, farthest: int) -> Array:
    """Mean + 2 sd of the same week and its neighbours in all earlier years: (P, T) -> (P, T + farthest), by week due.

    NaN with less than five years. Source: as `tasks.health.outbreaks`, by the week
    """
    past = same_week(cases, farthest, NEAR)
    known = np.isfinite(past)
    count = known.sum(axis=-1)
    mean = np.where(known, past, 0.0).sum(axis=-1) / np.maximum(count, 1)
    squares = np.where(known, past - mean[..., None], 0.0) ** 2
    spread = np.sqrt(squares.sum(axis=-1) / np.maximum(count - 1, 1))
    return np.where(count >= LEAST, np.maximum(mean + SPREADS * spread, FEW), np.nan)
