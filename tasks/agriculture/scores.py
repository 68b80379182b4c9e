"""Scores of the agriculture task; the headline comes first. Levels: the 23 of the hubs.

The headline divides forecast and harvest by the mean of the five harvests before, so that cassava at 20 t/ha does not
drown cocoa at 0.5, and averages the pinball loss over seven of the 23 levels. Harvests that the statistics carried
forward do not count. On FAO's national yields of 2008-13 that is .037 for the five-year mean, .028 for persistence and
.034 for the ten-year trend.
"""

from collections.abc import Mapping

import numpy as np

from tasks.data import Array
from tasks.evaluation.event_scores import below, brier_skill, warning
from tasks.evaluation.level_scores import absolute_error, coverage_50, coverage_90, wis
from tasks.evaluation.levels import LEVELS
from tasks.evaluation.pointwise import pinball
from tasks.evaluation.score import Evaluated, Score
from tasks.evaluation.scores import mean_of, mean_of_points, relative

AT = np.array(LEVELS)
SEVEN = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
AMONG = np.searchsorted(AT, SEVEN)  # where the seven stand among the 23


def pinball_of_relative_yield(evaluated: Evaluated) -> Array:
    """Mean pinball loss at seven levels, in units of the mean of the five harvests before: (N, H)."""
    assert evaluated.unit is not None, "the windows of this task restore a unit"
    unit = evaluated.unit[:, None]
    return pinball(evaluated.forecast[..., AMONG] / unit[..., None], evaluated.observed / unit, SEVEN)


def tonnes_pinball(forecast: Array, observed: Array) -> Array:
    """Mean pinball loss at the 23 levels, in t/ha: (N, H, 23), (N, H) -> (N, H)."""
    return pinball(forecast, observed, AT)


SCORES: Mapping[str, Score] = {
    "pinball": mean_of_points(pinball_of_relative_yield),
    "relative_pinball": relative(tonnes_pinball),
    "wis": mean_of(wis, unit="t/ha"),
    "coverage_50": mean_of(coverage_50, better="nominal", magnitude=False),
    "coverage_90": mean_of(coverage_90, better="nominal", magnitude=False),
    "mae": mean_of(absolute_error, unit="t/ha"),
    "shortfall_brier_skill": brier_skill(below(LEVELS), "shortfall_brier"),
    "shortfall_auc": warning(below(LEVELS), "shortfall_"),
}
