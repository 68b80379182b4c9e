"""Scores of the health task; the headline comes first. Levels: the 23 of the hubs."""

from collections.abc import Mapping

import numpy as np

from tasks.data import Array
from tasks.evaluation.event_scores import above, brier_skill, warning
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.scores import (
    Score,
    absolute_error_of_median,
    coverage,
    mean_of,
    relative,
    weighted_interval_score,
)

AT = np.array(LEVELS)


def wis(forecast: Array, observed: Array) -> Array:
    """Weighted interval score in cases: (N, H, 23), (N, H) -> (N, H)."""
    return weighted_interval_score(forecast, observed, AT)


def log_wis(forecast: Array, observed: Array) -> Array:
    """Weighted interval score of log1p cases, in which a small province counts like a large one.

    Source: Bosse et al. (2023), https://doi.org/10.1371/journal.pcbi.1011393
    """
    return weighted_interval_score(np.log1p(forecast), np.log1p(observed), AT)


def coverage_50(forecast: Array, observed: Array) -> Array:
    """1 where the central 50 % interval holds what happened, else 0."""
    return coverage(forecast, observed, AT, 0.5)


def coverage_90(forecast: Array, observed: Array) -> Array:
    """1 where the central 90 % interval holds what happened, else 0."""
    return coverage(forecast, observed, AT, 0.9)


def absolute_error(forecast: Array, observed: Array) -> Array:
    """Distance of the median from what happened, in cases."""
    return absolute_error_of_median(forecast, observed, AT)


SCORES: Mapping[str, Score] = {
    "log_wis": mean_of(log_wis),
    "relative_log_wis": relative(log_wis),
    "wis": mean_of(wis, unit="cases"),
    "coverage_50": mean_of(coverage_50, better="nominal"),
    "coverage_90": mean_of(coverage_90, better="nominal"),
    "mae": mean_of(absolute_error, unit="cases"),
    "outbreak_brier_skill": brier_skill(above(LEVELS), "outbreak_brier"),
    "outbreak_auc": warning(above(LEVELS), "outbreak_"),
}
