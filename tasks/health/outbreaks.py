"""What counts as an outbreak: far more cases than the place had in that month of earlier years."""

import numpy as np

from tasks.data import Array
from tasks.windows import lagged

LEAST = 5  # earlier years in which the same month is known
SPREADS = 2.0  # standard deviations above the mean
FEW = 4.0  # cases that are never an outbreak, also where earlier years had none


def thresholds(cases: Array, horizons: int) -> Array:
    """Mean + 2 sd of the same month in all earlier years, by the month due: (P, T) -> (P, T + H), NaN if unknown.

    The newest month used lies 12 before the month due, hence it is known at any origin up to 11 months before.
    Source: the endemic channel of national dengue surveillance, for example
    https://doi.org/10.1371/journal.pntd.0004551
    """
    padded = np.pad(cases, ((0, 0), (0, horizons)), constant_values=np.nan)
    past = lagged(padded, [12 * year for year in range(1, padded.shape[1] // 12 + 2)])
    known = np.isfinite(past)
    count = known.sum(axis=-1)
    mean = np.where(known, past, 0.0).sum(axis=-1) / np.maximum(count, 1)
    squares = np.where(known, past - mean[..., None], 0.0) ** 2
    spread = np.sqrt(squares.sum(axis=-1) / np.maximum(count - 1, 1))
    return np.where(count >= LEAST, np.maximum(mean + SPREADS * spread, FEW), np.nan)
