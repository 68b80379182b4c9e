"""Scores of yields: pinball of relative yield, and the shared ones in t/ha.

The headline divides forecast and harvest by the median of the reference forecast, the five-year mean moved by its usual
error, so that cassava at 20 t/ha does not drown cocoa at 0.5. It averages the pinball loss over seven of the 23 levels.
On FAO's national yields of 2008-13, in units of the plain five-year mean, that is .038 for the five-year mean, .028 for
persistence and .034 for the ten-year trend; over all 23 levels they would be .042, .030 and .038.
"""

from collections.abc import Callable

import numpy as np

from tasks.agriculture.history import SMALLEST
from tasks.levels import LEVELS, MIDDLE
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
    unit = np.maximum(judged.reference[..., MIDDLE], SMALLEST)
    forecast = judged.forecast[..., _AT_SEVEN] / unit[..., None]
    return block_sums(pinball(forecast, judged.observed / unit, np.array(SEVEN)), judged.origin)


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
