"""Random forecasts with gaps, a score without levels, and blocks of them."""

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.data import Array
from tasks.evaluation.score import Evaluated
from tasks.evaluation.totals import block_sums, block_totals
from tasks.time_step import STEPS

_, BLOCK = STEPS["month"].block


def error(forecast: Array, observed: Array) -> Array:
    """A pointwise score that needs no levels."""
    return np.asarray(np.abs(observed - forecast[..., 0]))


def evaluated(rng: np.random.Generator, rows: int = 60, places: int = 4, gone: float = 0.2) -> Evaluated:
    """Random forecasts at two horizons with gaps."""
    observed = np.where(rng.random((rows, 2)) < gone, np.nan, rng.gamma(1, 10, (rows, 2)))
    return Evaluated(
        forecast=rng.gamma(1, 10, (rows, 2, 1)),
        reference=rng.gamma(1, 10, (rows, 2, 1)),
        observed=observed,
        place=rng.integers(0, places, rows),
        origin=np.datetime64("2004-01", "M") + rng.integers(0, 60, rows),
    )


def summed(points: Array, origin: Array) -> dict[str, Array]:
    """Sum, count and variance of points of months."""
    none = np.zeros((*points.shape, 1))
    whole = Evaluated(forecast=none, reference=none, observed=points, place=np.zeros(len(points), int), origin=origin)
    return block_sums(block_totals(points, whole))


def taken(whole: Evaluated, rows: Array) -> Evaluated:
    parts: dict[str, Any] = {name: own[rows] for name, own in vars(whole).items() if isinstance(own, np.ndarray)}
    return replace(whole, **parts)
