"""The best possible forecast of a synthetic country: the exact predictive distribution given its true state.

A forecaster who sees only reports can come near it and not beat it on average: reports are rounded and have gaps.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tasks.data import Windows
from tasks.evaluation.levels import LEVELS
from tasks.health.generator_epidemic import (
    CLIMATE_MEMORY,
    HEAT,
    HEAT_LAG,
    LEAD,
    RAIN,
    RAIN_LAG,
    Array,
    Truth,
    month_of_year,
    reports,
)
from tasks.health.records import FILE
from tasks.settings import TaskSettings
from tasks.synthetic.truth import TruthFile, is_synthetic, load, rows_of

TRUTH = TruthFile(name="health.oracle.npz", records=(FILE,))
Months = NDArray[np.datetime64]


def oracle(folder: Path, windows: Windows, _: TaskSettings) -> Array | None:
    """(N, H, Q) quantiles of counts at LEVELS, or None where the folder holds real records.

    Raises DataError when the truth file belongs to other records.
    """
    if not is_synthetic(folder, TRUTH):
        return None
    truth = load(folder, TRUTH, Truth)
    place = rows_of(truth.places, windows)
    mean, variance = predict(truth, place, windows.origin, windows.due)
    normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    quantiles = mean[..., None] + np.sqrt(variance)[..., None] * normal
    return reports(quantiles, truth.people[place][:, None, None])


def predict(truth: Truth, place: NDArray[np.int64], origin: Months, due: Months) -> tuple[Array, Array]:
    """Mean and variance of log1p reports: (N,) rows of `truth`, (N,) origins, (N, H) months due -> (N, H) each.

    Waves: mean transition^h u, variance sum over k < h of transition^k covariance transition^k'.
    Weather: known at the origin up to its lag, AR(1) beyond. Both are independent of each other.
    """
    start = (origin.astype("datetime64[M]") - truth.first).astype(np.int64)
    ahead = (due.astype("datetime64[M]") - origin.astype("datetime64[M]")[:, None]).astype(np.int64)
    assert ((start >= 0) & (start < truth.wave.shape[1])).all(), "windows of another record"
    mean = truth.base[place[:, None], month_of_year(due)]
    variance = np.zeros_like(mean)
    for anomalies, effect, lag in ((truth.rain, RAIN, RAIN_LAG), (truth.heat, HEAT, HEAT_LAG)):
        unknown = np.maximum(ahead - lag, 0)
        known = LEAD + start[:, None] + np.minimum(ahead - lag, 0)
        mean = mean + effect * CLIMATE_MEMORY**unknown * anomalies[place[:, None], known]
        variance = variance + effect**2 * (1 - CLIMATE_MEMORY ** (2 * unknown))
    for months in np.unique(ahead):
        carried, spread = steps(truth, int(months))
        at = ahead == months
        row = np.broadcast_to(place[:, None], ahead.shape)[at]
        mean[at] += np.einsum("np,pn->n", carried[row], truth.wave[:, np.broadcast_to(start[:, None], ahead.shape)[at]])
        variance[at] += spread[row]
    return mean, variance


def steps(truth: Truth, months: int) -> tuple[Array, Array]:
    """What u becomes `months` >= 1 later: the matrix (P, P) of its mean and the (P,) variances around it."""
    assert months >= 1
    powers = [np.linalg.matrix_power(truth.transition, k) for k in range(months + 1)]
    spread = sum(power @ truth.covariance @ power.T for power in powers[:-1])
    return powers[-1], np.diag(spread)
