"""The best possible warning of a synthetic country: the exact probability of the event given its record.

The event is the one that the record's own numbers define (thresholds of its training years), as for every forecaster.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tasks.data import Windows
from tasks.disaster.events import Course, follow
from tasks.disaster.generator_weather import FLOOD, VARIATION, Array, Truth
from tasks.disaster.records import read_panel
from tasks.disaster.schema import RECORDS
from tasks.disaster.settings import DisasterSettings
from tasks.synthetic.truth import TruthFile, is_synthetic, load, rows_of

TRUTH = TruthFile(name="disaster.oracle.npz", records=(RECORDS,))
Index = NDArray[np.int64]


def oracle(folder: Path, windows: Windows, settings: DisasterSettings) -> Array | None:
    """(N, H, 1) probabilities of the hazard, or None where the folder holds real records.

    Raises DataError when the truth file belongs to other records.
    """
    if not is_synthetic(folder, TRUTH):
        return None
    truth = load(folder, TRUTH, Truth)
    place = rows_of(truth.places, windows)
    origin = (windows.origin.astype("datetime64[M]") - truth.first).astype(np.int64)
    leads = range(1, settings.horizons + 1)
    if settings.hazard == "flood":
        chances = [flood(truth, place, origin, lead) for lead in leads]
    else:
        course = follow(read_panel(folder, windows.country, settings), settings)
        short = [short_of(truth, course, place, origin, lead) for lead in leads]
        chances = short if settings.hazard == "drought" else [1 - each for each in short]
    return np.stack(chances, axis=1)[..., None]


def flood(truth: Truth, place: Index, origin: Index, lead: int) -> Array:
    """(N,) Phi((a + b mean) / sqrt(1 + b^2 variance)): a probit averaged over a Gaussian."""
    mean, variance = _path(truth, place, origin, [lead])
    base = truth.floods[place, (truth.first + origin + lead).astype(np.int64) % 12]
    return np.asarray(ndtr((base + FLOOD * mean[0]) / np.sqrt(1 + FLOOD**2 * variance[0, 0])))


def short_of(truth: Truth, course: Course, place: Index, origin: Index, lead: int) -> Array:
    """(N,) chance that the rain of the event's months, those before the origin included, stays below the threshold."""
    months = course.months
    ahead = [step for step in range(lead - months + 1, lead + 1) if step > 0]
    known = [step for step in range(lead - months + 1, lead + 1) if step <= 0]
    missing = course.threshold[place, origin + lead]
    for step in known:
        missing = missing - course.rainfall[place, origin + step]
    mean, covariance = _path(truth, place, origin, ahead)
    season = [(truth.first + origin + step).astype(np.int64) % 12 for step in ahead]
    normal = np.stack([truth.normal[place, month] for month in season])
    expected = (normal * (1 + VARIATION * mean)).sum(axis=0)
    variance = VARIATION**2 * np.einsum("in,ijn,jn->n", normal, covariance, normal)
    return np.asarray(ndtr((missing - expected) / np.sqrt(variance)))


def _path(truth: Truth, place: Index, origin: Index, ahead: list[int]) -> tuple[Array, Array]:
    """z of the (N,) cells at K months ahead: mean (K, N) and covariance (K, K, N).

    With V_i the covariance of the state i months ahead, months i <= j have V_i (transition^(j - i))' in common.
    """
    powers = [np.linalg.matrix_power(truth.transition, step) for step in range(max(ahead) + 1)]
    spread = [np.zeros_like(truth.covariance)]
    for _ in range(max(ahead)):
        spread.append(truth.transition @ spread[-1] @ truth.transition.T + truth.covariance)
    mean = np.stack([np.einsum("ns,sn->n", powers[step][place], truth.state[:, origin]) for step in ahead])
    covariance = np.empty((len(ahead), len(ahead), len(place)))
    for i, first in enumerate(ahead):
        for j, second in enumerate(ahead):
            low, high = min(first, second), max(first, second)
            covariance[i, j] = np.diag(spread[low] @ powers[high - low].T)[place]
    return mean, covariance
