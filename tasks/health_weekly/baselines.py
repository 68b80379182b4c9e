"""What a forecaster of weeks without a model would say, from what was known at each origin.

All work on log1p cases, floor at 0 and give (N, H, 23) counts. Their spread comes from errors of the training years.
"""

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.quantiles import pools, quantiles
from tasks.health.count_regression import fitted
from tasks.health_weekly.calendar import DAYS, same_week, where
from tasks.health_weekly.on_record import OnRecord, on_record
from tasks.health_weekly.settings import HealthWeeklySettings
from tasks.time_step import season_angle
from tasks.windows import at_steps, lagged, training_periods

NEAR = (-2, -1, 0, 1, 2)  # weeks of earlier years that say what is usual
LEAST = 104  # known weeks that a place needs for a regression of its own; with fewer, its last value is carried on
TREND = 260.0  # weeks in which the trend grows by one coefficient


def direct_persistence(panel: Panel, windows: Windows, settings: HealthWeeklySettings) -> Array:
    """The last value; spread by the symmetrised changes over each horizon itself.

    Changes of one week added up make it 9 % worse. Source: as `tasks.health.baselines.flat_persistence`
    """
    record = on_record(panel, settings)
    centre = np.repeat(record.last()[..., None], len(settings.horizons), axis=-1)
    return _around(centre, record, panel, windows, settings, symmetric=True)


def seasonal_persistence(panel: Panel, windows: Windows, settings: HealthWeeklySettings) -> Array:
    """The last value moved by the usual seasonal change, log1p y_o + clim(o + h) - clim(o); its own error quantiles."""
    record = on_record(panel, settings)
    usual = _mean(same_week(record.settled, max(settings.horizons), NEAR))
    now = np.arange(record.settled.shape[1])
    change = usual[:, now[:, None] + np.array(settings.horizons)] - usual[:, now, None]
    centre = record.last()[..., None] + np.where(np.isfinite(change), change, 0.0)
    return _around(centre, record, panel, windows, settings)


def negative_binomial(panel: Panel, windows: Windows, settings: HealthWeeklySettings) -> Array:
    """As `tasks.health.negative_binomial`, by the week: fitted anew every year to all weeks before it."""
    forecasts = direct_persistence(panel, windows, settings)
    record, (place, at) = on_record(panel, settings), where(panel, windows)
    year = windows.origin.astype("datetime64[Y]")
    for h, step in enumerate(settings.horizons):
        columns, counts = _regressors(panel, record, step), at_steps(record.cases, [step])[..., 0]
        usable = np.isfinite(columns).all(axis=-1) & np.isfinite(counts)
        fit = None
        for first in np.unique(year):
            on_time = panel.periods + DAYS * (step + record.late) < first.astype("datetime64[D]")
            past = int(np.count_nonzero(on_time))
            enough = usable[:, :past].sum(axis=1) >= LEAST
            rows = np.flatnonzero((year == first) & enough[place])
            if len(rows):
                fit = fitted(columns[:, :past], counts[:, :past], usable[:, :past], fit)
                forecasts[rows, h] = fit.quantiles(columns[place[rows], at[rows]], place[rows], LEVELS)
    return forecasts


def _regressors(panel: Panel, record: OnRecord, step: int) -> Array:
    """(P, T, 7) by origin: level, trend and season of the week due, and the last count; NaN where it is unknown."""
    due = panel.periods + DAYS * step
    angle, time = season_angle(due), (due - panel.periods[0]).astype(np.float64) / DAYS / TREND
    waves = [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    shared = np.stack([np.ones_like(time), time, *waves], axis=-1)
    last = record.last()
    return np.concatenate([np.broadcast_to(shared, (*last.shape, 6)), last[..., None]], axis=-1)


def _around(
    centre: Array,
    record: OnRecord,
    panel: Panel,
    windows: Windows,
    settings: HealthWeeklySettings,
    *,
    symmetric: bool = False,
) -> Array:
    """Quantiles of its own past errors around a (P, T, H) centre by origin, as far as they were known then."""
    due = [lagged(centre[..., h], [step])[..., 0] for h, step in enumerate(settings.horizons)]
    errors = record.by_then(record.settled[..., None] - np.stack(due, axis=-1))
    place, at = where(panel, windows)
    spread = np.zeros((len(windows), len(settings.horizons), len(LEVELS)))
    for rows, sample in pools(errors, training_periods(panel.periods, settings.calendar), place, at):
        both = np.concatenate([sample, -sample]) if symmetric else sample
        spread[rows] = np.nan_to_num(quantiles(both.T, LEVELS))
    return _counts(centre[place, at][..., None] + spread)


def _mean(values: Array) -> Array:
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _counts(logs: Array) -> Array:
    """Log1p -> counts, never below 0."""
    return np.asarray(np.expm1(np.maximum(logs, 0.0)))
