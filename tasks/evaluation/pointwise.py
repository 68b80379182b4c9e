"""Pointwise scores of forecasts: quantiles or probabilities, and what happened, to (N, H) points."""

import numpy as np

from tasks.evaluation.score import Array


def pinball(forecast: Array, observed: Array, levels: Array) -> Array:
    """Pinball loss averaged over levels: (N, H, Q), (N, H), (Q,) -> (N, H); NaN where nothing was observed.

    Source: Koenker and Bassett (1978), https://doi.org/10.2307/1913643
    """
    error = observed[..., None] - forecast
    below, above = levels * error, (levels - 1) * error
    return np.asarray(np.maximum(below, above, out=below).mean(axis=-1))


def weighted_interval_score(forecast: Array, observed: Array, levels: Array) -> Array:
    """WIS = 2 x mean pinball loss over the levels: (N, H, Q), (N, H) -> (N, H), in the unit of the forecast.

    Source: Bracher et al. (2021), https://doi.org/10.1371/journal.pcbi.1008618, with the median among the levels.
    """
    return 2 * pinball(forecast, observed, levels)


def coverage(forecast: Array, observed: Array, levels: Array, nominal: float) -> Array:
    """1 where the central interval of the nominal share holds the observation, else 0; (N, H, Q), (N, H) -> (N, H).

    Raises ValueError if the two quantiles of that interval are not among the levels.
    """
    lower, upper = (1 - nominal) / 2, (1 + nominal) / 2
    at = [np.flatnonzero(np.isclose(levels, level)) for level in (lower, upper)]
    if not all(len(index) for index in at):
        raise ValueError(f"levels hold no central interval of {nominal}")
    inside = (observed >= forecast[..., at[0][0]]) & (observed <= forecast[..., at[1][0]])
    return np.where(np.isfinite(observed), inside.astype(float), np.nan)


def absolute_error_of_median(forecast: Array, observed: Array, levels: Array) -> Array:
    """|observed - median forecast|: (N, H, Q), (N, H) -> (N, H). Raises ValueError without a median."""
    middle = np.flatnonzero(np.isclose(levels, 0.5))
    if not len(middle):
        raise ValueError("levels hold no median")
    return np.asarray(np.abs(observed - forecast[..., middle[0]]))


def brier(forecast: Array, observed: Array) -> Array:
    """(probability - outcome)^2: (N, H, 1), (N, H) in {0, 1} -> (N, H). Source: Brier (1950)."""
    return np.asarray(np.square(forecast[..., 0] - observed))
