"""Scores of the health task; the headline comes first. Levels: the 23 of the hubs."""

from collections.abc import Mapping

import numpy as np

from tasks.data import Array
from tasks.evaluation.event_scores import above, brier_skill, warning
from tasks.evaluation.level_scores import absolute_error, coverage_50, coverage_90, wis
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.pointwise import weighted_interval_score
from tasks.evaluation.score import Score
from tasks.evaluation.scores import mean_of, relative

AT = np.array(LEVELS)


def log_wis(forecast: Array, observed: Array) -> Array:
    """Weighted interval score of log1p cases, in which a small province counts like a large one.

    Source: Bosse et al. (2023), https://doi.org/10.1371/journal.pcbi.1011393
    """
    return weighted_interval_score(np.log1p(forecast), np.log1p(observed), AT)


SCORES: Mapping[str, Score] = {
    "log_wis": mean_of(log_wis),
    "relative_log_wis": relative(log_wis),
    "wis": mean_of(wis, unit="cases"),
    "coverage_50": mean_of(coverage_50, better="nominal", magnitude=False),
    "coverage_90": mean_of(coverage_90, better="nominal", magnitude=False),
    "mae": mean_of(absolute_error, unit="cases"),
    "outbreak_brier_skill": brier_skill(above(LEVELS), "outbreak_brier"),
    "outbreak_auc": warning(above(LEVELS), "outbreak_"),
}
