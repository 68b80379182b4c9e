"""What a model sees of a gauge's past, at three resolutions, and of the days ahead where the weather is taken as known.

Every series is laid out once; a window gathers its steps by index, see `tasks.gathered_windows`. Flow is the root of
its share of the gauge's mean, so that floods and low water are on one scale.
"""

from collections.abc import Mapping

import numpy as np

from tasks.data import Array, Panel
from tasks.gathered_windows import Lagged
from tasks.models.tokens import consecutive
from tasks.river.records import ATTRIBUTES, BANDS
from tasks.river.settings import LEADS, PERFECT, RiverSettings
from tasks.river.snow import melt
from tasks.time_step import season_angle
from tasks.windows import carried, trailing_mean, training_periods

SERIES = 6  # flow, whether it is known, rain, temperature, evapotranspiration, rain and melt
WEATHER_AHEAD = 4  # the last four of them
DAYS = -np.arange(14)  # single days
WEEKS = -np.arange(14, 91, 7)  # means of the week that ends there
MONTHS = -np.arange(91, 361, 30)  # means of thirty days
HISTORY = 361  # days before an origin that its inputs reach back to
GAP = 30  # days that the last known flow stands for a missing one
LEAST = 365  # known days of training that give a gauge's mean
RUNOFF = 0.6  # of the rain, of a gauge without them
SMALLEST = 0.01  # mm/d, of a gauge's mean
SNOW = 100.0  # mm of water


def unit_of(panel: Panel, settings: RiverSettings) -> Array:
    """(P,) mm/d: the mean flow of the training years, or what their rain suggests where too little of it is known."""
    trained = training_periods(panel.periods, settings.calendar)
    flow, rain = (_mean(values[:, :trained]) for values in (panel.target, panel.covariates["precipitation"]))
    enough = np.isfinite(panel.target[:, :trained]).sum(axis=1) >= LEAST
    return np.maximum(np.where(enough, flow, RUNOFF * np.nan_to_num(rain, nan=1.0)), SMALLEST)


def root_of(panel: Panel, settings: RiverSettings) -> Array:
    """(P, T) root of flow over the gauge's mean, NaN where it was not observed."""
    return np.sqrt(np.maximum(panel.target, 0) / unit_of(panel, settings)[:, None])


def inputs(panel: Panel, settings: RiverSettings, root: Array) -> Mapping[str, Lagged]:
    """Name -> series with its lags, float32 without NaN."""
    series, snow = _series(panel, root)
    means = {"weeks": (7, WEEKS), "months": (30, MONTHS)}
    angle = season_angle(panel.periods)
    season = np.stack([np.sin(angle), np.cos(angle)], axis=-1).astype(np.float32)
    fixed = panel.static["attributes"].astype(np.float32)
    places, length = root.shape
    laid = {
        "days": Lagged(values=series, lags=DAYS),
        **{name: Lagged(values=_trailing(series, days), lags=lags) for name, (days, lags) in means.items()},
        "snow": Lagged(values=np.sqrt(snow / SNOW)),
        "season": Lagged(values=np.broadcast_to(season, (places, length, 2))),
        "gauge": Lagged(values=np.broadcast_to(fixed[:, None], (places, length, fixed.shape[1]))),
    }
    if settings.mode == PERFECT:
        weather = series[..., -WEATHER_AHEAD:]
        beyond = np.zeros((places, LEADS, WEATHER_AHEAD), np.float32)  # after the record's end nothing is known
        laid["ahead"] = Lagged(values=np.concatenate([weather, beyond], axis=1), lags=np.arange(1, LEADS + 1))
    return laid


def tokens(settings: RiverSettings) -> tuple[tuple[int, ...], ...]:
    """Features that belong together: the days, weeks and months of the past, snow and season, gauge, the days ahead."""
    past = [SERIES * len(lags) for lags in (DAYS, WEEKS, MONTHS)]
    ahead = [WEATHER_AHEAD * LEADS] if settings.mode == PERFECT else []
    return consecutive([*past, BANDS + 2, len(ATTRIBUTES), *ahead])


def _series(panel: Panel, root: Array) -> tuple[Array, Array]:
    """(P, T, SERIES) float32, each about as large as 1; and snow (P, T, BANDS) in mm."""
    rain, temperature, evaporation = (
        filled(panel.covariates[name]) for name in ("precipitation", "temperature", "pet")
    )
    rain = np.maximum(rain, 0)
    snow, water = melt(rain, temperature, panel.static["bands"])
    known = np.isfinite(root)
    flow = np.nan_to_num(carried(root, GAP), nan=1.0) - 1
    parts = [flow, known, np.sqrt(rain) / 3, temperature / 10, evaporation / 3, np.sqrt(water) / 3]
    return np.stack([part.astype(np.float32) for part in parts], axis=-1), snow


def filled(values: Array) -> Array:
    """Weather without gaps: the day before stands for a missing one for a week, then 0."""
    return np.nan_to_num(carried(values, 7) if np.isnan(values).any() else values)


def _trailing(series: Array, days: int) -> Array:
    columns = [trailing_mean(series[..., each], days).astype(np.float32) for each in range(series.shape[-1])]
    return np.stack(columns, axis=-1)


def _mean(values: Array) -> Array:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
