"""The best possible forecast of a synthetic country: the exact predictive distribution given its true state.

At an issue date the trend, last year's anomaly and the weather so far are known; a forecaster who sees only the files
can come near it and not beat it on average.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np

from tasks.agriculture.generator_harvest import CLIMATE_MEMORY, MEMORY, OWN, Array, Truth, Whole, at_harvest
from tasks.agriculture.schema import WEATHER, YIELDS
from tasks.agriculture.seasons import ISSUES, YEAR, issued_before_harvest
from tasks.agriculture.settings import AgricultureSettings
from tasks.data import Windows
from tasks.evaluation.levels import LEVELS
from tasks.synthetic.truth import TruthFile, is_synthetic, load, rows_of

TRUTH = TruthFile(name="agriculture.oracle.npz", records=(YIELDS, WEATHER))


def oracle(folder: Path, windows: Windows, _: AgricultureSettings) -> Array | None:
    """(N, 4, 23) quantiles in t/ha, or None where the folder holds real records.

    Raises DataError when the truth file belongs to other records.
    """
    if not is_synthetic(folder, TRUTH):
        return None
    truth = load(folder, TRUTH, Truth)
    place = rows_of(truth.places, windows)
    mean, variance = predict(truth, place, windows.due[:, 0].astype("datetime64[Y]").astype(np.int64) + 1970)
    normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    return np.asarray(np.maximum(mean[..., None] + np.sqrt(variance)[..., None] * normal, 0.0))


def predict(truth: Truth, place: Whole, year: Whole) -> tuple[Array, Array]:
    """Mean and variance of the harvest of (N,) places and years at the four issue dates: (N, 4) each.

    The year must be later than the first. Months after the issue date follow the last known one as an AR(1) does.
    """
    past = year - truth.first
    trend = truth.level[place] + truth.growth[place] * past
    mean = np.repeat((OWN * MEMORY * truth.anomaly[place, past - 1])[:, None], len(ISSUES), axis=1)
    variance = np.full_like(mean, OWN**2 * (1 - MEMORY**2))
    ends = issued_before_harvest(truth.planting, truth.harvest)[place]
    month = at_harvest(truth, truth.first + np.arange(truth.anomaly.shape[1]))[place, past]
    before = np.arange(YEAR)
    for issue in range(len(ISSUES)):
        unknown = np.maximum(ends[:, issue, None] - before, 0)  # (N, 12) months between the issue date and month b
        season = truth.weather[truth.area[place][:, None], :, month[:, None] - before - unknown]  # (N, 12, 2)
        weights = truth.weights[place]
        mean[:, issue] += np.einsum("nb,nbv,nvb->n", CLIMATE_MEMORY**unknown, season, weights)
        shared = CLIMATE_MEMORY ** np.abs(before[:, None] - before)
        left = np.where(
            (unknown[:, :, None] > 0) & (unknown[:, None] > 0),
            shared - CLIMATE_MEMORY ** (unknown[:, :, None] + unknown[:, None]),
            0.0,
        )
        variance[:, issue] += np.einsum("nva,nab,nvb->n", weights, left, weights)
    spread = truth.spread[place][:, None]
    return trend[:, None] + spread * mean, spread**2 * variance
