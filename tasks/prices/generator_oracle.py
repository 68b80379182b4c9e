"""The best possible forecast of a synthetic country: the exact distribution given its true state.

A forecaster who sees prices alone cannot tell the shared walk from what one market does, and stays a little behind.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tasks.data import Windows
from tasks.evaluation.levels import LEVELS
from tasks.prices.generator import MEMORY, TRUTH, Truth
from tasks.prices.settings import LEADS
from tasks.settings import TaskSettings
from tasks.synthetic.truth import is_synthetic, load, rows_of
from tasks.windows import month_of_year


def oracle(folder: Path, windows: Windows, _: TaskSettings) -> NDArray[np.float64] | None:
    """(N, 3, 23) quantiles of prices, or None where the folder holds real records.

    Mean: the walk stays, local shrinks by MEMORY a month. Variance: the walk's steps, and what local gains.
    Raises DataError when the truth file belongs to other records.
    """
    if not is_synthetic(folder, TRUTH):
        return None
    truth = load(folder, TRUTH, Truth)
    place = rows_of(truth.places, windows)
    at = (windows.origin.astype("datetime64[M]") - truth.first).astype(np.int64)
    leads = np.array(LEADS)
    season = truth.season[place[:, None], month_of_year(windows.due)]
    mean = truth.level[place, at][:, None] + season + MEMORY**leads * truth.local[place, at][:, None]
    variance = leads * truth.drift**2 + (1 - MEMORY ** (2 * leads)) * truth.spread**2
    normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    return np.asarray(np.exp(mean[..., None] + np.sqrt(variance)[:, None] * normal))
