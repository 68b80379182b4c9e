"""What a forecaster without a model would say: four baselines of the field, from what was known at each origin.

All work on log1p cases, floor at 0 and give (N, H, 23) counts. Their spread comes from errors of the training years.
"""

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.quantiles import pools, quantiles
from tasks.health.settings import HealthSettings
from tasks.windows import carried, lagged, training_periods

CARRY = 3  # months that a last value may be old
DRAWS = 4000  # accumulated differences of a place, doubled by symmetry; the .01 quantile rests on 80 of them
SEED = 20190101  # of the resampling; a baseline is the same in every run


def flat_persistence(panel: Panel, windows: Windows, settings: HealthSettings) -> Array:
    """The last value; spread by symmetrised one-month differences, accumulated over the horizons by resampling.

    Source: the baseline of Cramer et al. (2022), https://doi.org/10.1073/pnas.2113561119, and of FluSight
    """
    values = np.log1p(panel.target)
    place, at = where(panel, windows)
    errors = (values - lagged(values, [1])[..., 0])[..., None]
    spread = np.zeros((len(windows), settings.horizons, len(LEVELS)))
    for rows, sample in pools(errors, training_periods(panel.periods, settings.calendar), place, at):
        spread[rows] = _accumulated(sample[np.isfinite(sample)], settings.horizons)
    return _counts(carried(values, CARRY)[place, at][:, None, None] + spread)


def seasonal_persistence(panel: Panel, windows: Windows, settings: HealthSettings) -> Array:
    """The last value moved by the usual seasonal change, log1p y_o + clim(o + h) - clim(o); its own error quantiles."""
    values = np.log1p(panel.target)
    steps = range(1, settings.horizons + 1)
    usual = _mean(_same_season(values, settings.horizons))
    now = np.arange(values.shape[1])
    change = usual[:, now[:, None] + np.array(steps)] - usual[:, now, None]
    centre = carried(values, CARRY)[..., None] + np.where(np.isfinite(change), change, 0.0)
    errors = np.stack([values - lagged(centre[..., step - 1], [step])[..., 0] for step in steps], axis=-1)
    return _around(centre, errors, panel, windows, settings)


def seasonal_naive(panel: Panel, windows: Windows, settings: HealthSettings) -> Array:
    """The same month of last year, or the last value where it is missing; its own error quantiles, symmetrised."""
    values = np.log1p(panel.target)
    last = carried(values, CARRY)
    year_ago = lagged(values, [12 - step for step in range(1, settings.horizons + 1)])
    centre = np.where(np.isfinite(year_ago), year_ago, last[..., None])
    errors = np.repeat((values - lagged(values, [12])[..., 0])[..., None], settings.horizons, axis=-1)
    return _around(centre, errors, panel, windows, settings, symmetric=True)


def climatology(panel: Panel, windows: Windows, settings: HealthSettings) -> Array:
    """Quantiles of the same month and its two neighbours in all earlier years; the last value where none is known."""
    values = np.log1p(panel.target)
    place, at = where(panel, windows)
    due = at[:, None] + np.arange(1, settings.horizons + 1)
    usual = quantiles(_same_season(values, settings.horizons), LEVELS)[place[:, None], due]
    return _counts(np.where(np.isfinite(usual), usual, carried(values, CARRY)[place, at][:, None, None]))


def where(panel: Panel, windows: Windows) -> tuple[Array, Array]:
    """(N,) place and period indices of the origins."""
    return windows.place, (windows.origin - panel.periods[0]).astype(np.int64) if len(windows) else windows.place


def _around(
    centre: Array, errors: Array, panel: Panel, windows: Windows, settings: HealthSettings, *, symmetric: bool = False
) -> Array:
    """Quantiles of past errors around a (P, T, H) centre by origin; errors: (P, T, H) by period due."""
    place, at = where(panel, windows)
    spread = np.zeros((len(windows), settings.horizons, len(LEVELS)))
    for rows, sample in pools(errors, training_periods(panel.periods, settings.calendar), place, at):
        both = np.concatenate([sample, -sample]) if symmetric else sample
        spread[rows] = np.nan_to_num(quantiles(both.T, LEVELS))
    return _counts(centre[place, at][..., None] + spread)


def _accumulated(differences: Array, horizons: int) -> Array:
    """(H, K) quantiles of sums of 1, ..., H differences drawn with replacement, made symmetric around 0."""
    if not len(differences):
        return np.zeros((horizons, len(LEVELS)))
    drawn = np.random.default_rng(SEED).choice(np.concatenate([differences, -differences]), (horizons, DRAWS))
    sums = np.cumsum(drawn, axis=0)
    return quantiles(np.concatenate([sums, -sums], axis=1), LEVELS)


def _same_season(values: Array, horizons: int) -> Array:
    """(P, T) -> (P, T + H, S): the same month and its neighbours in the years before each period, NaN if unknown.

    The newest is 11 months older than the period itself, hence known at any origin up to 11 months before it, also
    from December to January.
    """
    padded = np.pad(values, ((0, 0), (0, horizons)), constant_values=np.nan)
    years = range(1, padded.shape[1] // 12 + 2)
    return lagged(padded, [12 * year + near for year in years for near in (-1, 0, 1)])


def _mean(sample: Array) -> Array:
    """Mean of the known values along the last axis; NaN where there is none."""
    known = np.isfinite(sample)
    count = known.sum(axis=-1)
    return np.where(count > 0, np.where(known, sample, 0.0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def _counts(quantiles_of_logs: Array) -> Array:
    return np.expm1(np.maximum(quantiles_of_logs, 0.0))
