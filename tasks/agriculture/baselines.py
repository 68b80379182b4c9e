"""What a forecaster without a model would say: (N, 4, 23) quantiles in t/ha, the same at every issue date.

Each is a centre and the quantiles of its own past errors. Errors are pooled over the country, in units of the mean of
the five harvests before, and only from harvests known at the origin.
"""

from collections.abc import Callable

import numpy as np

from tasks.agriculture.history import USUAL_ERROR, History, history_of
from tasks.agriculture.seasons import ISSUES
from tasks.agriculture.settings import AgricultureSettings
from tasks.data import Array, Panel, Windows
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.quantiles import quantiles
from tasks.windows import lagged

# What a country without a past starts from, as nine errors of a normal distribution: deciles of N(0, 1).
DECILES = (-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816)


def five_year_mean(panel: Panel, windows: Windows, settings: AgricultureSettings) -> Array:
    """The mean of the last five harvests, as in CY-Bench and national early warning; the reference."""
    return _around(lambda history: history.recent, panel, windows, settings)


def last_year(panel: Panel, windows: Windows, settings: AgricultureSettings) -> Array:
    """Persistence: the last harvest known."""
    return _around(lambda history: history.last, panel, windows, settings)


def trend(panel: Panel, windows: Windows, settings: AgricultureSettings) -> Array:
    """A line through the last ten harvests, one year on; the five-year mean where fewer than five are known."""
    return _around(lambda history: history.trend, panel, windows, settings)


def location_mean(panel: Panel, windows: Windows, settings: AgricultureSettings) -> Array:
    """The mean of all earlier harvests."""
    return _around(lambda history: history.mean, panel, windows, settings)


def _around(
    centre_of: Callable[[History], Array], panel: Panel, windows: Windows, settings: AgricultureSettings
) -> Array:
    history = history_of(panel.target, settings.view)
    centre = centre_of(history)
    errors = (panel.target - lagged(centre, [1])[..., 0]) / lagged(history.unit, [1])[..., 0]
    usual = USUAL_ERROR * np.array(DECILES)
    at = ((windows.origin - panel.periods[0]).astype(np.int64) // 12) if len(windows) else windows.place
    spread = np.zeros((len(windows), len(LEVELS)))
    for period in np.unique(at):
        known = np.concatenate([errors[:, : period + 1].ravel(), usual])
        spread[at == period] = quantiles(known, LEVELS)
    forecast = centre[windows.place, at][:, None] + history.unit[windows.place, at][:, None] * spread
    return np.repeat(np.maximum(forecast, 0.0)[:, None], len(ISSUES), axis=1)
