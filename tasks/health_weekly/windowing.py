"""Panel -> DenseWindows of weekly dengue: every place at every week from which a forecast can be made."""

import numpy as np

from tasks.data import Array, DenseWindows, Panel
from tasks.health.cutting import above_usual, cut
from tasks.health_weekly.calendar import same_week
from tasks.health_weekly.features import features, scale_of
from tasks.health_weekly.on_record import on_record
from tasks.health_weekly.settings import HealthWeeklySettings

HISTORY = 8  # weeks of record before an origin; of longer ones that are unknown, the features say so
NEAR = (-1, 0, 1)  # weeks of earlier years that an outbreak is compared with
LEAST = 15  # of them, known: five years


def windows(panel: Panel, settings: HealthWeeklySettings) -> DenseWindows:
    """Origins in order of time, of each the places whose last value is at most three weeks old; see `cut`.

    Inputs are the counts that `settings.counts` says; labels are always those of now.
    """
    record = on_record(panel, settings)
    return cut(
        panel,
        settings.calendar,
        steps=np.array(settings.horizons),
        features=features(panel, record, settings),
        last=record.last(),
        scale=scale_of(panel, record, settings),
        threshold=thresholds(record.cases, max(settings.horizons)),
        history=HISTORY,
    )


def thresholds(cases: Array, farthest: int) -> Array:
    """`above_usual` of the same week and its neighbours in all earlier years: (P, T) -> (P, T + farthest), by week due.

    NaN with less than five years.
    """
    return above_usual(same_week(cases, farthest, NEAR), LEAST)
