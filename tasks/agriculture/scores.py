"""Scores of yields: pinball of relative yield, and the shared ones in t/ha.

The headline divides forecast and harvest by the mean of the five harvests before, so that cassava at 20 t/ha does not
drown cocoa at 0.5, and averages the pinball loss over seven of the 23 levels. Harvests that the statistics carried
forward do not count. On FAO's national yields of 2008-13 that is .038 for the five-year mean, .028 for persistence and
.034 for the ten-year trend.
"""

from collections.abc import Callable

import numpy as np

from tasks.levels import LEVELS
from tasks.scores import (
    Array,
    Judged,
    Score,
    Sums,
    absolute_error_of_median,
    block_sums,
    coverage,
    mean_of,
    pinball,
    ratio,
    relative,
    weighted_interval_score,
)

SEVEN = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
_ALL = np.array(LEVELS)
_AT_SEVEN = [LEVELS.index(level) for level in SEVEN]


def _relative_pinball(judged: Judged) -> Sums:
    assert judged.unit is not None, "the windows of this task restore a unit"
    forecast = judged.forecast[..., _AT_SEVEN] / judged.unit[:, None, None]
    return block_sums(pinball(forecast, judged.observed / judged.unit[:, None], np.array(SEVEN)), judged.origin)


def _covered(nominal: float) -> Callable[[Array, Array], Array]:
    return lambda forecast, observed: coverage(forecast, observed, _ALL, nominal)


SCORES = {
    "pinball": Score(sums=_relative_pinball, estimate=ratio, names=("sum", "count", "variance")),
    "relative_pinball": relative(lambda forecast, observed: pinball(forecast, observed, _ALL)),
    "wis": mean_of(lambda forecast, observed: weighted_interval_score(forecast, observed, _ALL), unit="t/ha"),
    "coverage_50": mean_of(_covered(0.5), better="nominal"),
    "coverage_90": mean_of(_covered(0.9), better="nominal"),
    "mae": mean_of(lambda forecast, observed: absolute_error_of_median(forecast, observed, _ALL), unit="t/ha"),
}
