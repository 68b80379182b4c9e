"""Scores of a forecast by the 23 quantiles of the hubs, in the target's own unit: (N, H, 23), (N, H) -> (N, H)."""

import numpy as np

from tasks.data import Array
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.pointwise import absolute_error_of_median, coverage, weighted_interval_score

AT = np.array(LEVELS)


def wis(forecast: Array, observed: Array) -> Array:
    """Weighted interval score."""
    return weighted_interval_score(forecast, observed, AT)


def coverage_50(forecast: Array, observed: Array) -> Array:
    """1 where the central 50 % interval holds what happened, else 0."""
    return coverage(forecast, observed, AT, 0.5)


def coverage_90(forecast: Array, observed: Array) -> Array:
    """1 where the central 90 % interval holds what happened, else 0."""
    return coverage(forecast, observed, AT, 0.9)


def absolute_error(forecast: Array, observed: Array) -> Array:
    """Distance of the median from what happened."""
    return absolute_error_of_median(forecast, observed, AT)
