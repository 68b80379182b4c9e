"""Scores of the price task, on log prices, so that no currency and no dear commodity outweighs another.

The headline is the weighted interval score; a mean of local currencies would mean nothing. Warnings are of ALPS alerts.
"""

from collections.abc import Mapping

import numpy as np

from tasks.data import Array
from tasks.evaluation.event_scores import above, brier_skill, warning
from tasks.evaluation.level_scores import AT, coverage_50, coverage_90
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.pointwise import absolute_error_of_median, weighted_interval_score
from tasks.evaluation.score import Score
from tasks.evaluation.scores import mean_of, relative, skill


def log_wis(forecast: Array, observed: Array) -> Array:
    """Weighted interval score of log prices: (N, H, 23), (N, H) -> (N, H)."""
    return weighted_interval_score(np.log(forecast), np.log(observed), AT)


def log_error(forecast: Array, observed: Array) -> Array:
    """Distance of the median from the price, as a difference of logarithms."""
    return absolute_error_of_median(np.log(forecast), np.log(observed), AT)


SCORES: Mapping[str, Score] = {
    "log_wis": mean_of(log_wis),
    "skill": skill(log_wis),
    "relative_log_wis": relative(log_wis),
    "coverage_50": mean_of(coverage_50, better="nominal", magnitude=False),
    "coverage_90": mean_of(coverage_90, better="nominal", magnitude=False),
    "log_mae": mean_of(log_error),
    "alps_brier_skill": brier_skill(above(LEVELS), "alps_brier"),
    "alps_auc": warning(above(LEVELS), "alps_"),
}
