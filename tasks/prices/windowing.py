"""Panel -> DenseWindows: one situation a series and month with a price, forecast at three leads."""

import numpy as np

from tasks.data import Array, DenseWindows, Panel
from tasks.evaluation.levels import LEVELS
from tasks.prices.alps import STAGES, WARNED, usual_course
from tasks.prices.features import features, gate_of, unit_of
from tasks.prices.settings import LEADS, PricesSettings
from tasks.prices.walk import MONTHS, SHORTER, steps
from tasks.windows import ahead, part_of


def windows(panel: Panel, settings: PricesSettings) -> DenseWindows:
    """Situations in order of their origin, then series.

    inputs: `features` (N, F); `walk` (N, 3, 23), quantiles of the country's own walk around the last price; `gate`
    (N,).
    target: change of log price since the origin. It and the walk are in units of the country, `restore['unit']`.
    restore: `last` (N,) log price at the origin, `unit` (N,) log price. threshold: the price from which on ALPS is at
    the stage of an alert, NaN where the series does not count.
    """
    logs = np.log(panel.target)
    origin, place = np.nonzero(np.isfinite(logs).T)
    unit, last = unit_of(logs)[origin], logs[place, origin]
    leads = np.array(LEADS) - 1
    observed = ahead(panel.target, max(LEADS))[place, origin][:, leads]
    course, deviation = usual_course(panel.target, panel.periods)
    walk = (steps(logs, MONTHS, origin) + steps(logs, SHORTER, origin)) / 2 / unit[:, None, None]
    periods = panel.periods[origin]
    due = periods[:, None] + np.array(LEADS)
    table = features(logs, panel.static["group"], panel.periods)[place, origin]
    return DenseWindows(
        country=panel.country,
        places=panel.places,
        inputs={
            "features": table.astype(np.float32),
            "walk": walk.astype(np.float32).reshape(-1, len(LEADS), len(LEVELS)),
            "gate": gate_of(logs)[place, origin].astype(np.float32),
        },
        target=((np.log(observed) - last[:, None]) / unit[:, None]).astype(np.float32),
        observed=observed,
        restore={"last": last, "unit": unit},
        place=place.astype(np.int64),
        origin=periods,
        due=due,
        part=part_of(due, settings.calendar),
        threshold=threshold(course, deviation, STAGES[WARNED])[place, origin],
    )


def threshold(course: Array, deviation: Array, deviations: float) -> Array:
    """(P, T, 3) prices from which on ALPS is at a stage that begins so many deviations above the usual course."""
    return np.asarray(course + deviations * deviation[..., None])
