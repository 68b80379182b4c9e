"""Panel -> DenseWindows of the health task: every place at every month from which a forecast can be made."""

import numpy as np

from tasks.data import DenseWindows, Panel
from tasks.health.cutting import cut
from tasks.health.features import CARRY, features, scale_of
from tasks.health.outbreaks import thresholds
from tasks.health.settings import HealthSettings
from tasks.windows import carried

HISTORY = 12  # months of record before an origin, so that it has seen every season; older lags may be unknown


def windows(panel: Panel, settings: HealthSettings) -> DenseWindows:
    """Origins in order of time, of each the places whose last value is at most three months old; see `cut`."""
    return cut(
        panel,
        settings.calendar,
        steps=np.arange(1, settings.horizons + 1),
        features=features(panel, settings),
        last=carried(np.log1p(panel.target), CARRY),
        scale=scale_of(panel, settings),
        threshold=thresholds(panel.target, settings.horizons),
        history=HISTORY,
    )
