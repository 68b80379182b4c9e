"""What counts as an outbreak: far more cases than the place had in that month of earlier years."""

import numpy as np

from tasks.data import Array
from tasks.health.cutting import above_usual
from tasks.windows import lagged

LEAST = 5  # earlier years in which the same month is known


def thresholds(cases: Array, horizons: int) -> Array:
    """`above_usual` of the same month in all earlier years, by the month due: (P, T) -> (P, T + H), NaN if unknown.

    The newest month used lies 12 before the month due, hence it is known at any origin up to 11 months before.
    """
    padded = np.pad(cases, ((0, 0), (0, horizons)), constant_values=np.nan)
    return above_usual(lagged(padded, [12 * year for year in range(1, padded.shape[1] // 12 + 2)]), LEAST)
