"""What a score is: sums that add over places, periods and countries, and are divided once, after merging.

Four layers: a pointwise function (forecast, observed) -> (N, H); totals of it, which add over the places of a country;
sums of them with one row a horizon and a last row for all horizons together; an Estimate from merged sums. Sums and
counts may cross a border, points and totals may not.

Next to what adds there are largest terms, named LARGEST and the sum they are a term of. They are combined by maximum,
and stay in the country: its gate compares them with their sums (the dominance rule).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.time_step import STEPS

Array = NDArray[Any]
Sums = Mapping[str, Array]
Pointwise = Callable[[Array, Array], Array]
LARGEST = "largest/"  # before the name of a sum: its largest term


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What one arm forecast for one country, with what happened.

    forecast, reference: (N, H, K) natural units; observed: (N, H), NaN does not count;
    place: (N,) index; origin: (N,) datetime64 of the step. step: of the records, see `tasks.time_step`.
    blocks: (B,) labels of all blocks of time of the part, in a slice of its places; None: those of these origins.
    unit: (N,) natural units that make one relative unit, `Windows.restore["unit"]` of a task that has such scores.
    threshold: (N, H) of the event that is warned of, or None, as in `Windows`.
    cost_loss: the probability from which on a warning is given. restore: name -> (N, ...), as in `Windows`.
    calibration: of the arm's chances, as `Task.calibrate` gives it, or None. settings: of the task, or None.
    """

    forecast: Array
    reference: Array
    observed: Array
    place: Array
    origin: Array
    unit: Array | None = None
    threshold: Array | None = None
    cost_loss: float = 0.3
    step: str = "month"
    blocks: Array | None = None
    restore: Mapping[str, Array] = field(default_factory=dict)
    calibration: Array | None = None
    settings: Any = None

    def take(self, rows: Array) -> "Evaluated":
        """The place-periods at `rows` (a boolean mask or indices), in the blocks of time of the whole.

        Totals of slices that hold whole places add up to those of all of them.
        """
        return replace(
            self,
            forecast=self.forecast[rows],
            reference=self.reference[rows],
            observed=self.observed[rows],
            place=self.place[rows],
            origin=self.origin[rows],
            unit=None if self.unit is None else self.unit[rows],
            threshold=None if self.threshold is None else self.threshold[rows],
            blocks=self.all_blocks(),
            restore={name: values[rows] for name, values in self.restore.items()},
        )

    def all_blocks(self) -> Array:
        """(B,) labels of blocks of time, rising."""
        return np.unique(STEPS[self.step].blocks(self.origin)) if self.blocks is None else self.blocks


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """(H + 1,) each: a row a horizon, then all horizons. NaN where nothing was scored.

    low, high: 95 % interval, NaN where there is none.
    """

    value: Array
    low: Array
    high: Array
    n: Array


Better = Literal["smaller", "larger", "nominal"]


@dataclass(frozen=True, kw_only=True)
class DerivedScore:
    """Another number from the sums of a score."""

    estimate: Callable[[Sums], Estimate]


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score in three steps: `totals` and `finish` run inside the country, `estimate` after merging.

    totals: Evaluated -> arrays that add over slices of places, some of them by block of time, (B, H + 1), and largest
        terms, (H,).
    finish: totals of all places -> the sums that may leave. Every array of them is (H + 1,) float64 and adds over
        countries; `count` is always there: the place-periods scored. Besides `names` there may be `small_count`,
        above 0 in a row that would reveal a count of few events: such a row stays in the country.
    magnitudes: sums of terms that are not negative and have no upper bound, such as errors: one place-period's term may
        be nearly all of the sum. `finish` gives the largest term of each, named LARGEST and its name. A sum that is not
        among `names` stays in the country, and so do largest terms.
    signed: those of `names` that may be below 0; a country that sends another below 0 is refused.
    derived: name -> other numbers from the same sums.
    terms: (N, H) points above and below, whose sums' ratio the estimate is; None where it is of another kind.
    """

    totals: Callable[[Evaluated], Sums]
    finish: Callable[[Sums], Sums]
    estimate: Callable[[Sums], Estimate]
    names: tuple[str, ...]  # of the sums; a gate lets no other leave
    magnitudes: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()
    unit: str = ""
    better: Better = "smaller"
    derived: Mapping[str, DerivedScore] = field(default_factory=dict)
    terms: Callable[[Evaluated], tuple[Array, Array]] | None = None

    def sums(self, evaluated: Evaluated) -> Sums:
        """The sums of all place-periods at once."""
        return self.finish(self.totals(evaluated))

    def internal(self) -> set[str]:
        """Names of the sums that no gate lets leave."""
        largest = {f"{LARGEST}{name}" for name in self.magnitudes}
        return {"small_count", *largest, *self.magnitudes} - set(self.names)


@dataclass(frozen=True, kw_only=True)
class FinalScore(Score):
    """A score of the final test alone: single events could be calculated from the sums of two successive rounds."""


@dataclass(frozen=True, kw_only=True)
class HistogramScore(FinalScore):
    """A score from a histogram: some of its sums are (H + 1, BINS), see `tasks.evaluation.histograms`."""


def estimates(name: str, score: Score) -> dict[str, Callable[[Sums], Estimate]]:
    """The score's own estimate under its name, and the derived ones."""
    return {name: score.estimate, **{each: derived.estimate for each, derived in score.derived.items()}}


def merge(parts: Iterable[Sums]) -> dict[str, Array]:
    """Add sums of several countries or totals of several slices, of which largest terms are the largest of all.

    Order does not matter beyond rounding. Raises ValueError for none.
    """
    collected = list(parts)
    if not collected:
        raise ValueError("no sums to merge")
    combined = {name: np.max if name.startswith(LARGEST) else np.sum for name in collected[0]}
    return {name: combine([part[name] for part in collected], axis=0) for name, combine in combined.items()}
