"""What quantiles say of the distribution they were taken from: chances, means, draws.

Between two levels the distribution is taken as uniform. Beyond the outermost level nothing is known but how much lies
there: a chance is half of it, a draw is the outermost quantile.
"""

from collections.abc import Sequence

import numpy as np

from tasks.data import Array


def chance_up_to(quantiles: Array, levels: Sequence[float], value: Array) -> Array:
    """P(Y <= value) for rising quantiles (..., K) and values (...); NaN for a value of NaN.

    Several quantiles at the value itself are a mass there, all of which counts.
    """
    at = np.asarray(levels, np.float64)
    reached = (quantiles <= value[..., None]).sum(axis=-1)
    above = np.clip(reached, 1, len(at) - 1)
    low, high = (np.take_along_axis(quantiles, each[..., None], axis=-1)[..., 0] for each in (above - 1, above))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, (value - low) / (high - low), 1.0)
    chance = at[above - 1] + share * (at[above] - at[above - 1])
    chance = np.where(reached == 0, at[0] / 2, np.where(reached == len(at), (1 + at[-1]) / 2, chance))
    return np.where(np.isnan(value), np.nan, chance)


def mean(quantiles: Array, levels: Sequence[float]) -> Array:
    """The mean of the distribution: rising quantiles (..., K) -> (...)."""
    at = np.asarray([0.0, *levels, 1.0])
    values = np.concatenate([quantiles[..., :1], quantiles, quantiles[..., -1:]], axis=-1)
    return np.asarray(((values[..., 1:] + values[..., :-1]) / 2 * np.diff(at)).sum(axis=-1))


def draw(quantiles: Array, levels: Sequence[float], size: int, seed: int) -> Array:
    """(size,) draws from rising quantiles (K,), one from each of `size` equally likely slices, in random order.

    So the quantiles of the draws are those of the forecast as nearly as their number allows.
    """
    random = np.random.default_rng(seed)
    share = (random.permutation(size) + random.random(size)) / size
    return np.asarray(np.interp(share, levels, quantiles))
