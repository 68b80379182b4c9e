"""What a forecaster knows at each origin, as numbers of about unit size: (P, T) -> (P, T, F)."""

import numpy as np

from tasks.data import Array, Panel
from tasks.disaster.events import Course
from tasks.disaster.gauges import country_mean
from tasks.disaster.indices import LIMIT, index, summed
from tasks.disaster.reference import usual
from tasks.disaster.schema import INDICES, WEATHER
from tasks.disaster.settings import DisasterSettings
from tasks.models.tokens import consecutive
from tasks.time_step import season_angle
from tasks.windows import lagged, trailing_mean

NEAR = 2.5  # degrees: the ring of 20 cells around one

INDEX_LAGS = {1: (0, 1, 2), 3: (0, 3), 6: (0, 6), 12: (0, 12)}  # months summed -> months before the origin
LATE = 1  # months after which an index is published
SEASONS = 2  # harmonics of the year


def width(settings: DisasterSettings) -> int:
    """Number of features; the same in every country."""
    return sum(map(len, tokens(settings)))


def tokens(settings: DisasterSettings) -> tuple[tuple[int, ...], ...]:
    """Features that belong together: the cell's index by months summed, its events, the rain around it, the country's
    weather, each index of the oceans, the season, the outlook of each month ahead."""
    own = [*map(len, INDEX_LAGS.values()), 3]
    return consecutive([*own, 4, len(WEATHER), *[2] * len(INDICES), 2 * SEASONS, *[1] * settings.horizons])


def features(panel: Panel, course: Course, settings: DisasterSettings) -> Array:
    """(P, T, F); what is unknown at an origin is 0, which is what is usual."""
    shape = panel.target.shape
    one, three = course.index(1), course.index(3)
    parts = [lagged(course.index(months), lags) for months, lags in INDEX_LAGS.items()]
    parts += [_history(course.event)]
    parts += [country_mean(one)[..., None], country_mean(three)[..., None]]
    near = _weights(panel)
    parts += [_around(near, one)[..., None], _around(near, three)[..., None]]
    parts += [_anomaly(panel, settings, name)[..., None] for name in WEATHER]
    parts += [lagged(country_mean(panel.covariates[name]), (LATE, LATE + 3)) for name in INDICES]
    parts += [_season(course.periods), outlook(course, settings)]
    clipped = [np.broadcast_to(each[:, : shape[1]], (*shape, each.shape[-1])) for each in parts]
    table = np.concatenate(clipped, axis=-1)
    assert table.shape[-1] == width(settings), f"{table.shape[-1]} features, {width(settings)} declared"
    return np.asarray(np.nan_to_num(np.clip(table, -2 * LIMIT, 2 * LIMIT)))


def outlook(course: Course, settings: DisasterSettings) -> Array:
    """Normal score of the event at each horizon if the months still unknown were like those of other years.

    (P, T + H, H). Drought at lead 1 needs the rain of two known months and one unknown: the score asks how usual it is
    that the unknown one stays below what is missing to the threshold. 0 for a hazard without a threshold.
    """
    parts = []
    for lead in range(1, settings.horizons + 1):
        unknown = min(lead, course.months)
        if unknown == 0:
            parts.append(np.zeros_like(course.rainfall))
            continue
        known = course.months - unknown
        fallen = summed(course.rainfall, known) if known else np.zeros_like(course.rainfall)
        missing = _due(course.threshold, lead) - fallen
        distribution = np.stack([_due(each, lead) for each in course.usual(unknown)])
        score = index(missing, distribution)
        parts.append(score if settings.hazard == "drought" else -score)
    return np.stack(parts, axis=-1)


def _due(values: Array, lead: int) -> Array:
    """values[:, t + lead] of what is fixed by the training years (thresholds, distributions), not observed."""
    return np.concatenate([values[:, lead:], np.full_like(values[:, :lead], np.nan)], axis=1)


def _history(event: Array) -> Array:
    """The event this month and its share of the last 3 and 12 months: (P, T) -> (P, T, 3)."""
    return np.stack([event, trailing_mean(event, 3), trailing_mean(event, 12)], axis=-1)


def _anomaly(panel: Panel, settings: DisasterSettings, name: str) -> Array:
    """Country mean as a normal score of its calendar month's reference years: (1, T)."""
    values = country_mean(panel.covariates[name])
    mean, spread = usual(values, panel.periods, settings.reference(), _moments)
    return np.where(spread > 0, (values - mean) / np.where(spread > 0, spread, 1), np.nan)


def _moments(history: Array) -> Array:
    known = np.isfinite(history)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = np.where(known, history, 0).sum(axis=1, keepdims=True) / count
    square = np.where(known, history - mean, 0) ** 2
    return np.stack([mean[:, 0], np.sqrt(square.sum(axis=1) / count[:, 0])])


def _season(periods: Array) -> Array:
    angle = season_angle(periods)
    waves = [wave(k * angle) for k in range(1, SEASONS + 1) for wave in (np.sin, np.cos)]
    return np.asarray(np.stack(waves, axis=-1)[None])


def _weights(panel: Panel) -> Array:
    """(P, P) 1 for cells within NEAR degrees of each other, 0 on the diagonal."""
    centres = np.stack([panel.static["longitude"], panel.static["latitude"]])
    distance = np.sqrt(np.square(centres[:, :, None] - centres[:, None, :]).sum(axis=0))
    return np.where((distance <= NEAR) & (distance > 0), 1.0, 0.0)


def _around(weights: Array, values: Array) -> Array:
    """Mean of the neighbours whose value is known: (P, P), (P, T) -> (P, T)."""
    known = np.isfinite(values)
    count = weights @ known
    total = weights @ np.where(known, values, 0.0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
