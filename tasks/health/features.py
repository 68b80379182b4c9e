"""What the model sees of a place at an origin: its past on log1p cases, in spreads around what is usual there.

Every feature of an origin uses months up to that origin; a month's weather is known when its cases are.
"""

from collections.abc import Iterator

import numpy as np

from tasks.data import Array, Panel
from tasks.health.scaling import level, season, spread
from tasks.health.settings import HealthSettings
from tasks.models.tokens import consecutive
from tasks.time_step import season_angle
from tasks.windows import carried, lagged, month_of_year, trailing_mean, training_periods

CARRY = 3  # months that a last known value stands in for missing ones
RECENT = 6  # lags that are shown without their season too
TOGETHER = 4  # lags of the whole country's anomaly
LONG = (12, 24, 36, 60)  # months of the long means
WEATHER = ("rainfall", "mean_temperature", "mean_relative_humidity")
WEATHER_LAGS = 4  # months; rain and heat lead dengue by one to four
MIDDLING = 5.0  # log1p of about 150 cases
LARGEST = 8.0  # spreads; one odd record must not blow up a step of training


def width(settings: HealthSettings) -> int:
    """F, the number of features under these settings."""
    return sum(map(len, tokens(settings)))


def tokens(settings: HealthSettings) -> tuple[tuple[int, ...], ...]:
    """Features that belong together: all of each month up to the origin, the newest first, then the season, the usual
    level, and how well cases are reported."""
    weather = len(WEATHER) * settings.weather
    sizes = [settings.lags, RECENT, settings.horizons, len(LONG), TOGETHER, 4, 3, *[WEATHER_LAGS] * weather, 4]
    lags, anomalies, changes, means, together, waves, levels, *covariates, reporting = consecutive(sizes)
    monthly = (lags, anomalies, together, *covariates)
    months = [tuple(each[lag] for each in monthly if lag < len(each)) for lag in range(max(settings.lags, RECENT))]
    return (*months, (*changes, *waves), (*means, *levels), reporting)


def features(panel: Panel, settings: HealthSettings) -> Array:
    """(P, T, F) by origin; what is unknown is 0, and the last features say how much is."""
    columns = np.concatenate(list(_columns(panel, settings)), axis=-1)
    return np.clip(np.where(np.isfinite(columns), columns, 0.0), -LARGEST, LARGEST)


def scale_of(panel: Panel, settings: HealthSettings) -> Array:
    """(P, T) spread of log1p cases by origin: the unit of the model."""
    trained = training_periods(panel.periods, settings.calendar)
    return spread(np.log1p(panel.target), trained, shared=_shared(settings))


def _shared(settings: HealthSettings) -> bool:
    """Whether places lean on what is usual in their country."""
    return settings.statistics == "country"


def _columns(panel: Panel, settings: HealthSettings) -> Iterator[Array]:
    values, month, scale = np.log1p(panel.target), month_of_year(panel.periods), scale_of(panel, settings)
    last, usual, seasons = carried(values, CARRY), level(values), season(values, month, scale, shared=_shared(settings))
    anomalies = _anomalies(last, usual, seasons, month, RECENT) / scale[..., None]
    means = np.stack([trailing_mean(values, months, months // 2) for months in LONG], axis=-1)
    yield (lagged(last, range(settings.lags)) - usual[..., None]) / scale[..., None]
    yield anomalies
    yield _changes(seasons, month, settings.horizons) / scale[..., None]
    yield (means - usual[..., None]) / scale[..., None]
    together = _mean_of_places(anomalies[..., :TOGETHER]) if _shared(settings) else np.zeros(TOGETHER)
    yield np.broadcast_to(together, (*values.shape, TOGETHER))
    yield np.broadcast_to(_waves(season_angle(panel.periods)), (*values.shape, 4))
    yield np.stack([last / MIDDLING, usual / MIDDLING, scale], axis=-1)
    yield from (_weather(panel, settings) if settings.weather else ())
    yield _reporting(values, last)


def _anomalies(values: Array, usual: Array, seasons: Array, month: Array, lags: int) -> Array:
    """values[t - lag] without the level and the season as known at t: (P, T, L)."""
    expected = np.stack([usual + _of_month(seasons, month - lag) for lag in range(lags)], axis=-1)
    return np.asarray(lagged(values, range(lags)) - expected)


def _changes(seasons: Array, month: Array, horizons: int) -> Array:
    """Usual change from the origin's month to each month ahead: (P, T, H)."""
    now = _of_month(seasons, month)
    return np.stack([_of_month(seasons, month + step) - now for step in range(1, horizons + 1)], axis=-1)


def _of_month(seasons: Array, month: Array) -> Array:
    """(P, T, 12), (T,) -> (P, T): the season that t knows, in the month[t] of the year."""
    return np.asarray(seasons[:, np.arange(len(month)), month % 12])


def _mean_of_places(values: Array) -> Array:
    """(P, T, L) -> (T, L): mean of the known ones; 0 where none is."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _waves(angle: Array) -> Array:
    """Once and twice a year: (T,) -> (T, 4)."""
    return np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=-1)


def _weather(panel: Panel, settings: HealthSettings) -> Iterator[Array]:
    """Anomalies of rain, temperature and humidity in their own spreads: (P, T, WEATHER_LAGS) each."""
    month = month_of_year(panel.periods)
    for name in WEATHER:
        values = np.log1p(panel.covariates[name]) if name == "rainfall" else panel.covariates[name]
        scale = spread(values, training_periods(panel.periods, settings.calendar), shared=_shared(settings))
        seasons = season(values, month, scale, shared=_shared(settings))
        yield _anomalies(values, level(values), seasons, month, WEATHER_LAGS) / scale[..., None]


def _reporting(values: Array, last: Array) -> Array:
    """Is this month known, share of the year that is, is the last value 0, share of the year's values that are."""
    known = np.isfinite(values)
    zero = np.where(known, (values == 0).astype(float), np.nan)
    return np.stack([known, trailing_mean(known.astype(float), 12), last == 0, trailing_mean(zero, 12)], axis=-1)
