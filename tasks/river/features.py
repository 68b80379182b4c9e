"""What a model sees of a gauge's past, at three resolutions, and of the days ahead where the weather is taken as known.

Every series is laid out once; a window gathers its steps by index, see `tasks.gathered_windows`. Flow is the root of
its share of the gauge's mean, so that floods and low water are on one scale.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tasks.data import Array, Panel
from tasks.gathered_windows import Lagged
from tasks.models.tokens import consecutive
from tasks.river.records import ATTRIBUTES, BANDS
from tasks.river.settings import LEADS, PERFECT, RiverSettings
from tasks.river.snow import melt
from tasks.time_step import season_angle
from tasks.windows import carried, trailing_mean, training_periods

WEATHER = 4  # rain, temperature, evapotranspiration, rain and melt
FLOW = 2  # flow, and whether it is known
DAYS = -np.arange(14)  # single days
WEEKS = -np.arange(14, 91, 7)  # means of the week that ends there
MONTHS = -np.arange(91, 361, 30)  # means of thirty days
HISTORY = 361  # days before an origin that its inputs reach back to
GAP = 30  # days that the last known flow stands for a missing one
LEAST = 365  # known days of training that give a gauge's mean
RUNOFF = 0.6  # of the rain, where evapotranspiration is unknown
SMALLEST = 0.01  # mm/d, of a gauge's mean
SNOW = 100.0  # mm of water
USUAL_CHANGE = 0.2  # of the root over a week
OF_FLOW = ("flow", "expected", "spread")  # names of inputs begin so that need a gauge


def unit_of(panel: Panel, settings: RiverSettings) -> Array:
    """(P,) mm/d: the mean flow of the training years, or what the weather suggests where little of it is known."""
    trained = training_periods(panel.periods, settings.calendar)
    enough = np.isfinite(panel.target[:, :trained]).sum(axis=1) >= LEAST
    return np.where(enough, np.maximum(_mean(panel.target[:, :trained]), SMALLEST), unit_without_gauge(panel, settings))


def unit_without_gauge(panel: Panel, settings: RiverSettings) -> Array:
    """(P,) mm/d: the mean flow that the rain and evapotranspiration of the training years suggest; no flow is read.

    Source: Turc and Pike, as in Pike (1964), https://doi.org/10.1016/0022-1694(64)90022-8
    """
    trained = training_periods(panel.periods, settings.calendar)
    rain, dry = (np.nan_to_num(_mean(panel.covariates[name][:, :trained])) for name in ("precipitation", "pet"))
    rain = np.where(rain > 0, rain, 1.0)
    left = rain - rain / np.sqrt(1 + np.square(rain / np.maximum(dry, 1e-9)))
    return np.maximum(np.where(dry > 0, left, RUNOFF * rain), SMALLEST)


def root_of(panel: Panel, settings: RiverSettings) -> Array:
    """(P, T) root of flow over the gauge's mean, NaN where it was not observed."""
    return np.sqrt(np.maximum(panel.target, 0) / unit_of(panel, settings)[:, None])


def inputs(panel: Panel, settings: RiverSettings, root: Array) -> Mapping[str, Lagged]:
    """Name -> series with its lags, float32 without NaN."""
    weather, snow = _weather(panel)
    places, length = root.shape
    beyond = np.zeros((places, LEADS, WEATHER), np.float32)  # after the record's end nothing is known
    days = np.concatenate([weather, beyond], axis=1) if settings.mode == PERFECT else weather
    angle = season_angle(panel.periods)
    season = np.stack([np.sin(angle), np.cos(angle)], axis=-1).astype(np.float32)
    fixed = panel.static["attributes"].astype(np.float32)
    flow = _flow(root)
    laid = {
        "weather_days": Lagged(values=days, lags=DAYS),
        **_means("weather", weather),
        "flow_days": Lagged(values=flow, lags=DAYS),
        **_means("flow", flow),
        "snow": Lagged(values=np.sqrt(snow / SNOW)),
        "season": Lagged(values=np.broadcast_to(season, (places, length, 2))),
        "gauge": Lagged(values=np.broadcast_to(fixed[:, None], (places, length, fixed.shape[1]))),
    }
    if settings.mode == PERFECT:
        laid["ahead"] = Lagged(values=days, lags=np.arange(1, LEADS + 1))
    return laid


def departure(root: Array, expected: Array, scale: Array) -> Mapping[str, Lagged]:
    """What the forecast departs from: the change that is expected at each lead, and the log of its usual error."""
    change = np.nan_to_num((expected - root[..., None]) / USUAL_CHANGE).astype(np.float32)
    spread = np.log(scale / USUAL_CHANGE).astype(np.float32)
    return {"expected": Lagged(values=change), "spread": Lagged(values=np.broadcast_to(spread, change.shape))}


def without_flow(laid: Mapping[str, Lagged]) -> Mapping[str, Lagged]:
    """The same as it would be of a place without a gauge: of its flow nothing is known."""
    nothing = np.float32(0)
    return {
        name: replace(each, values=np.broadcast_to(nothing, each.values.shape)) if name.startswith(OF_FLOW) else each
        for name, each in laid.items()
    }


def tokens(settings: RiverSettings) -> tuple[tuple[int, ...], ...]:
    """Features that belong together: days, weeks and months of weather and of flow, snow and season, gauge, the change
    that is expected with its spread, and the days ahead."""
    past = [size * len(lags) for size in (WEATHER, FLOW) for lags in (DAYS, WEEKS, MONTHS)]
    ahead = [WEATHER * LEADS] if settings.mode == PERFECT else []
    return consecutive([*past, BANDS + 2, len(ATTRIBUTES), 2 * LEADS, *ahead])


def _means(name: str, series: Array) -> dict[str, Lagged]:
    spans = {"weeks": (7, WEEKS), "months": (30, MONTHS)}
    return {f"{name}_{each}": Lagged(values=_trailing(series, days), lags=lags) for each, (days, lags) in spans.items()}


def _weather(panel: Panel) -> tuple[Array, Array]:
    """(P, T, WEATHER) float32, each about as large as 1; and snow (P, T, BANDS) in mm."""
    rain, temperature, evaporation = (
        filled(panel.covariates[name]) for name in ("precipitation", "temperature", "pet")
    )
    rain = np.maximum(rain, 0)
    snow, water = melt(rain, temperature, panel.static["bands"])
    parts = [np.sqrt(rain) / 3, temperature / 10, evaporation / 3, np.sqrt(water) / 3]
    return np.stack([part.astype(np.float32) for part in parts], axis=-1), snow


def _flow(root: Array) -> Array:
    """(P, T, FLOW) float32."""
    return np.stack([np.nan_to_num(carried(root, GAP), nan=1.0) - 1, np.isfinite(root)], axis=-1).astype(np.float32)


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
