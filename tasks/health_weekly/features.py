"""What the model sees of a place at an origin: its past on log1p cases, in spreads around what is usual there.

Every feature of an origin uses weeks up to that origin.
"""

from collections.abc import Iterator

import numpy as np

from tasks.data import Array, Panel
from tasks.health.scaling import level, season, spread
from tasks.health_weekly.calendar import PHASES, phase_of
from tasks.health_weekly.on_record import OnRecord
from tasks.health_weekly.settings import HealthWeeklySettings
from tasks.models.tokens import consecutive
from tasks.time_step import season_angle
from tasks.windows import trailing_mean, training_periods

RECENT = 4  # lags that are shown without their season too, of the place and of the whole country
BLOCK, BLOCKS = 4, 13  # weeks of a block, and blocks of the year before the origin
SMOOTH = 2  # weeks on each side that count as the same of the season
MIDDLING = 3.0  # log1p of about 20 cases
LARGEST = 8.0  # spreads; one odd record must not blow up a step of training


def tokens(settings: HealthWeeklySettings) -> tuple[tuple[int, ...], ...]:
    """Features that belong together: all of each week up to the origin, the newest first, the blocks of the year, then
    the season, the usual level, and how well cases are reported."""
    lags, anomalies, together, changes, waves, blocks, levels, reporting = consecutive(
        [settings.lags, RECENT, RECENT, len(settings.horizons), 4, BLOCKS, 3, 4]
    )
    weeks = range(max(settings.lags, RECENT))
    weekly = [tuple(each[week] for each in (lags, anomalies, together) if week < len(each)) for week in weeks]
    return (*weekly, blocks, (*changes, *waves), levels, reporting)


def features(panel: Panel, record: OnRecord, settings: HealthWeeklySettings) -> Array:
    """(P, T, F) by origin; what is unknown is 0, and the last features say how much is."""
    columns = np.concatenate(list(_columns(panel, record, settings)), axis=-1)
    return np.clip(np.where(np.isfinite(columns), columns, 0.0), -LARGEST, LARGEST)


def scale_of(panel: Panel, record: OnRecord, settings: HealthWeeklySettings) -> Array:
    """(P, T) spread of log1p cases by origin: the unit of the model."""
    return record.by_then(_spread(panel, record, settings))


def _spread(panel: Panel, record: OnRecord, settings: HealthWeeklySettings) -> Array:
    return spread(record.settled, training_periods(panel.periods, settings.calendar))


def _columns(panel: Panel, record: OnRecord, settings: HealthWeeklySettings) -> Iterator[Array]:
    values, phase, scale = record.settled, phase_of(panel.periods), scale_of(panel, record, settings)
    usual = record.by_then(level(values))
    season_then = season(values, phase, _spread(panel, record, settings), phases=PHASES, within=SMOOTH)
    seasons = record.by_then(season_then)
    expected = np.stack([usual + _of_phase(seasons, phase - lag) for lag in range(RECENT)], axis=-1)
    anomalies = (record.lasts(RECENT) - expected) / scale[..., None]
    blocks = np.stack([record.mean(BLOCK * each, BLOCK) for each in range(BLOCKS)], axis=-1)
    now = _of_phase(seasons, phase)
    changes = [_of_phase(seasons, phase + step) - now for step in settings.horizons]
    yield (record.lasts(settings.lags) - usual[..., None]) / scale[..., None]
    yield anomalies
    yield np.broadcast_to(_mean_of_places(anomalies), (*values.shape, RECENT))
    yield np.stack(changes, axis=-1) / scale[..., None]
    yield np.broadcast_to(_waves(season_angle(panel.periods)), (*values.shape, 4))
    yield (blocks - usual[..., None]) / scale[..., None]
    yield np.stack([record.last() / MIDDLING, usual / MIDDLING, scale], axis=-1)
    yield _reporting(record)


def _of_phase(seasons: Array, phase: Array) -> Array:
    """(P, T, 52), (T,) -> (P, T): the season that t knows, in the part phase[t] of the year."""
    return np.asarray(seasons[:, np.arange(len(phase)), phase % PHASES])


def _mean_of_places(values: Array) -> Array:
    """(P, T, L) -> (T, L): mean of the known ones; 0 where none is."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _waves(angle: Array) -> Array:
    """Once and twice a year: (T,) -> (T, 4)."""
    return np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=-1)


def _reporting(record: OnRecord) -> Array:
    """Is this week known, share of the year that is, is the last value 0, share of the year's values that are."""
    known = np.isfinite(record.settled)
    zero = np.where(known, (record.settled == 0).astype(float), np.nan)
    year = [record.by_then(trailing_mean(each, 52)) for each in (known.astype(float), zero)]
    return np.stack([np.isfinite(record.lag(0)), year[0], record.last() == 0, year[1]], axis=-1)
