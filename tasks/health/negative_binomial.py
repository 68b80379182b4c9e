"""A baseline of epidemiology: cases regressed on season, trend and the last count, in every place by itself."""

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.evaluation.levels import LEVELS
from tasks.health.baselines import CARRY, flat_persistence, where
from tasks.health.count_regression import fitted
from tasks.health.settings import HealthSettings
from tasks.time_step import season_angle
from tasks.windows import ahead, carried

LEAST = 24  # known months that a place needs for a regression of its own; with fewer, its last value is carried on
TREND = 60.0  # months in which the trend grows by one coefficient


def negative_binomial(panel: Panel, windows: Windows, settings: HealthSettings) -> Array:
    """Quantiles of a negative binomial whose log mean is a level, a trend, two waves a year and the log of the last
    count; one regression a place, horizon and year, fitted anew every January to all months before it.

    Source: Held, Hoehle and Hofmann (2005), https://doi.org/10.1191/1471082X05st098oa, with the last count in its log
    """
    forecasts = np.full((len(windows), settings.horizons, len(LEVELS)), np.nan)
    place, at = where(panel, windows)
    year = windows.origin.astype("datetime64[Y]")
    for step in range(1, settings.horizons + 1):
        columns, counts = _columns(panel, step), ahead(panel.target, step)[..., -1]
        usable = np.isfinite(columns).all(axis=-1) & np.isfinite(counts)
        fit = None
        for january in np.unique(year):
            past = int(np.count_nonzero(panel.periods + step < january.astype("datetime64[M]")))
            enough = usable[:, :past].sum(axis=1) >= LEAST
            rows = np.flatnonzero((year == january) & enough[place])
            if len(rows):
                fit = fitted(columns[:, :past], counts[:, :past], usable[:, :past], fit)
                forecasts[rows, step - 1] = fit.quantiles(columns[place[rows], at[rows]], place[rows], LEVELS)
    short = np.isnan(forecasts).any(axis=(1, 2))
    flat = flat_persistence(panel, windows.take(short), settings)
    forecasts[short] = np.where(np.isnan(forecasts[short]), flat, forecasts[short])
    return forecasts


def _columns(panel: Panel, step: int) -> Array:
    """(P, T, 7) by origin: level, trend and season of the month due, and the last count; NaN where it is unknown."""
    due = panel.periods + step
    angle, time = season_angle(due), (due - panel.periods[0]).astype(np.float64) / TREND
    shared = np.stack(
        [np.ones_like(time), time, np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=-1
    )
    last = carried(np.log1p(panel.target), CARRY)
    return np.concatenate([np.broadcast_to(shared, (*last.shape, 6)), last[..., None]], axis=-1)
