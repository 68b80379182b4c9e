"""Scores as sums that add over places, periods and countries, and are divided once, after merging.

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
FEWEST_BLOCKS = 3  # behind a spread; from that of two, and their sum, both could be calculated
Z95 = 1.959964  # standard normal, two-sided 95 %


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


def mean_of(pointwise: Pointwise, *, unit: str = "", better: Better = "smaller", magnitude: bool = True) -> Score:
    """The mean of a pointwise score that is never negative, with the variance of its sum from blocks of time.

    magnitude: the points have no upper bound. Of 0 and 1, as of coverage, the sum is a count, in which no term weighs
    more than another.
    """
    return mean_of_points(
        lambda evaluated: pointwise(evaluated.forecast, evaluated.observed),
        unit=unit,
        better=better,
        magnitude=magnitude,
    )


def mean_of_points(
    points: Callable[[Evaluated], Array], *, unit: str = "", better: Better = "smaller", magnitude: bool = True
) -> Score:
    """The same of (N, H) points that may look at more than forecast and observation."""

    def totals(evaluated: Evaluated) -> Sums:
        values = points(evaluated)
        return {**block_totals(values, evaluated), **(largest(sum=values) if magnitude else {})}

    def finish(totals: Sums) -> Sums:
        return {**block_sums(totals), **largest_terms(totals)}

    def terms(evaluated: Evaluated) -> tuple[Array, Array]:
        values = points(evaluated)
        return values, np.ones_like(values)

    names = ("sum", "count", "variance")
    return Score(
        totals=totals,
        finish=finish,
        estimate=ratio,
        names=names,
        magnitudes=("sum",) if magnitude else (),
        unit=unit,
        better=better,
        terms=terms,
    )


def relative(pointwise: Pointwise) -> Score:
    """exp(mean over places of log(mean score / mean score of the reference)); below 1 beats the reference.

    Places whose reference score is 0 are counted (`left_out`) and left out: their ratio is undefined.
    Its own terms are signed and one a place. But in a country of one place, it and one of the two means give the other
    mean: the sums of both are magnitudes, which stay in the country and decide on its rows.
    Source: scaled relative skill of Cramer et al. (2022), https://doi.org/10.1073/pnas.2113561119, per place.
    """

    def totals(evaluated: Evaluated) -> Sums:
        points = {
            "forecast": pointwise(evaluated.forecast, evaluated.observed),
            "reference": pointwise(evaluated.reference, evaluated.observed),
        }
        mean, count = per_place(points["forecast"], evaluated.place)
        reference, _ = per_place(points["reference"], evaluated.place)
        usable = (reference > 0) & (mean > 0)
        logs = np.where(usable, np.log(np.where(usable, mean, 1) / np.where(usable, reference, 1)), 0.0)
        return {
            "sum": logs.sum(axis=1),
            "squares": np.square(logs).sum(axis=1),
            "places": usable.sum(axis=1).astype(float),
            "left_out": ((count > 0) & ~usable).sum(axis=1).astype(float),
            "count": count.sum(axis=1),
            **{name: with_all(_known(values).sum(axis=0)) for name, values in points.items()},
            **largest(**points),
        }

    def finish(totals: Sums) -> Sums:
        return {**totals, **largest_terms(totals)}

    def estimate(merged: Sums) -> Estimate:
        places = np.where(merged["places"] > 0, merged["places"], np.nan)
        mean = merged["sum"] / places
        spread = np.sqrt(np.maximum(merged["squares"] / places - mean**2, 0) / places)
        return Estimate(
            value=np.exp(mean), low=np.exp(mean - Z95 * spread), high=np.exp(mean + Z95 * spread), n=merged["count"]
        )

    names = ("sum", "squares", "places", "left_out", "count")
    return Score(
        totals=totals,
        finish=finish,
        estimate=estimate,
        names=names,
        magnitudes=("forecast", "reference"),
        signed=("sum",),
    )


def skill(pointwise: Pointwise, *, magnitude: bool = True) -> Score:
    """1 - mean score / mean score of the reference; above 0 beats the reference. Brier skill when the score is Brier's.

    The interval uses the block variance of (score - (1 - skill) * reference score), the linearised ratio.
    magnitude: the points have no upper bound. The sum of the reference is one of all arms, and held to the same rule.
    """

    def points(evaluated: Evaluated) -> tuple[Array, Array]:
        return (
            pointwise(evaluated.forecast, evaluated.observed),
            pointwise(evaluated.reference, evaluated.observed),
        )

    def totals(evaluated: Evaluated) -> Sums:
        forecast, reference = points(evaluated)
        groups = {"forecast": forecast, "reference": reference, "both": forecast + reference}
        blocks = {
            f"{group}/{name}": total
            for group, values in groups.items()
            for name, total in block_totals(values, evaluated).items()
        }
        return {**blocks, **(largest(sum=forecast, reference=reference) if magnitude else {})}

    def finish(totals: Sums) -> Sums:
        forecast, reference, both = (block_sums(group(totals, name)) for name in ("forecast", "reference", "both"))
        return {
            "sum": forecast["sum"],
            "reference": reference["sum"],
            "count": forecast["count"],
            "variance": forecast["variance"],
            "reference_variance": reference["variance"],
            "covariance": (both["variance"] - forecast["variance"] - reference["variance"]) / 2,
            **largest_terms(totals),
        }

    def estimate(merged: Sums) -> Estimate:
        reference = np.where(merged["reference"] > 0, merged["reference"], np.nan)
        share = merged["sum"] / reference
        variance = (
            merged["variance"] - 2 * share * merged["covariance"] + share**2 * merged["reference_variance"]
        ) / reference**2
        known = np.where(merged["variance"] > 0, 1.0, np.nan)  # of too few blocks of time there is no spread
        spread = known * Z95 * np.sqrt(np.maximum(variance, 0))
        return Estimate(value=1 - share, low=1 - share - spread, high=1 - share + spread, n=merged["count"])

    def terms(evaluated: Evaluated) -> tuple[Array, Array]:
        forecast, reference = points(evaluated)
        return reference - forecast, reference

    names = ("sum", "reference", "count", "variance", "reference_variance", "covariance")
    return Score(
        totals=totals,
        finish=finish,
        estimate=estimate,
        names=names,
        magnitudes=("sum", "reference") if magnitude else (),
        signed=("covariance",),
        better="larger",
        terms=terms,
    )


def largest(**points: Array) -> dict[str, Array]:
    """Name of a sum -> its (N, H) points, none below 0: LARGEST and the name -> the largest of them, (H,)."""
    return {f"{LARGEST}{name}": _known(values).max(axis=0, initial=0.0) for name, values in points.items()}


def largest_terms(totals: Sums) -> dict[str, Array]:
    """The largest terms of totals, (H + 1,) each.

    A place-period is the target of several horizons. Of all of them its term is at most the sum of the horizons'
    largest, which stands in the last row.
    """
    return {name: with_all(values) for name, values in totals.items() if name.startswith(LARGEST)}


def _known(points: Array) -> Array:
    """The points, 0 where nothing was scored."""
    return np.where(np.isfinite(points), points, 0.0)


def group(totals: Sums, name: str) -> Sums:
    """The totals called 'name/...', without that."""
    return {key.removeprefix(f"{name}/"): value for key, value in totals.items() if key.startswith(f"{name}/")}


def ratio(merged: Sums) -> Estimate:
    """sum / count with a normal 95 % interval from the variance of the sum; none where too few blocks leave none."""
    count = np.where(merged["count"] > 0, merged["count"], np.nan)
    value = merged["sum"] / count
    variance = np.where(merged["variance"] > 0, merged["variance"], np.nan)
    spread = Z95 * np.sqrt(variance) / count
    return Estimate(value=value, low=value - spread, high=value + spread, n=merged["count"])


def block_totals(points: Array, evaluated: Evaluated) -> dict[str, Array]:
    """Sum and count of (N, H) points, (H + 1,), and the same by block of time, (B, H + 1); NaN does not count."""
    known = np.isfinite(points)
    filled = np.where(known, points, 0.0)
    _, (sums, counts) = in_blocks(evaluated, filled, known)
    return {
        "sum": with_all(filled.sum(axis=0)),
        "count": with_all(known.sum(axis=0).astype(float)),
        "block_sum": sums,
        "block_count": counts,
    }


def block_sums(totals: Sums) -> dict[str, Array]:
    """Totals of `block_totals` -> sum, count and variance of the sum, (H + 1,) each.

    The variance is what a block bootstrap over time converges to: with block totals S_b and counts n_b, the sum over
    blocks of (S_b - mean * n_b)^2, times B / (B - 1). Whole regions share a block, so spatial dependence is kept. It is
    0 where fewer than FEWEST_BLOCKS have a point.
    Source: Kunsch (1989), https://doi.org/10.1214/aos/1176347265 (non-overlapping case).
    """
    total, count, counts = totals["sum"], totals["count"], totals["block_count"]
    number = (counts > 0).sum(axis=0)
    squares = np.square(totals["block_sum"] - total / np.maximum(count, 1) * counts).sum(axis=0)
    variance = np.where(number >= FEWEST_BLOCKS, squares * number / np.maximum(number - 1, 1), 0.0)
    return {"sum": total, "count": count, "variance": variance}


def in_blocks(evaluated: Evaluated, *points: Array) -> tuple[Array, list[Array]]:
    """(B,) labels of blocks of time, the same in every country, and the sums in them of (N, H) points: (B, H + 1)."""
    labels = evaluated.all_blocks()
    index = np.searchsorted(labels, STEPS[evaluated.step].blocks(evaluated.origin))
    totals = []
    for each in points:
        sums = np.zeros((len(labels), each.shape[1]))
        np.add.at(sums, index, each.astype(float))
        totals.append(np.concatenate([sums, sums.sum(axis=1, keepdims=True)], axis=1))
    return labels, totals


def per_place(points: Array, place: Array) -> tuple[Array, Array]:
    """Mean and count of (N, H) points per place: (H + 1, P) each; a place with no point has mean 0, count 0."""
    places = int(place.max()) + 1 if len(place) else 0
    reported = np.isfinite(points)
    sums = np.zeros((places, points.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, place, np.where(reported, points, 0.0))
    np.add.at(counts, place, reported.astype(float))
    sums = np.concatenate([sums, sums.sum(axis=1, keepdims=True)], axis=1).T
    counts = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1).T
    return sums / np.maximum(counts, 1), counts


def with_all(rows: Array) -> Array:
    """(H, ...) sums with their total appended: (H + 1, ...)."""
    return np.concatenate([rows, rows.sum(axis=0, keepdims=True)])


def pinball(forecast: Array, observed: Array, levels: Array) -> Array:
    """Pinball loss averaged over levels: (N, H, Q), (N, H), (Q,) -> (N, H); NaN where nothing was observed.

    Source: Koenker and Bassett (1978), https://doi.org/10.2307/1913643
    """
    error = observed[..., None] - forecast
    below, above = levels * error, (levels - 1) * error
    return np.asarray(np.maximum(below, above, out=below).mean(axis=-1))


def weighted_interval_score(forecast: Array, observed: Array, levels: Array) -> Array:
    """WIS = 2 x mean pinball loss over the levels: (N, H, Q), (N, H) -> (N, H), in the unit of the forecast.

    Source: Bracher et al. (2021), https://doi.org/10.1371/journal.pcbi.1008618, with the median among the levels.
    """
    return 2 * pinball(forecast, observed, levels)


def coverage(forecast: Array, observed: Array, levels: Array, nominal: float) -> Array:
    """1 where the central interval of the nominal share holds the observation, else 0; (N, H, Q), (N, H) -> (N, H).

    Raises ValueError if the two quantiles of that interval are not among the levels.
    """
    lower, upper = (1 - nominal) / 2, (1 + nominal) / 2
    at = [np.flatnonzero(np.isclose(levels, level)) for level in (lower, upper)]
    if not all(len(index) for index in at):
        raise ValueError(f"levels hold no central interval of {nominal}")
    inside = (observed >= forecast[..., at[0][0]]) & (observed <= forecast[..., at[1][0]])
    return np.where(np.isfinite(observed), inside.astype(float), np.nan)


def absolute_error_of_median(forecast: Array, observed: Array, levels: Array) -> Array:
    """|observed - median forecast|: (N, H, Q), (N, H) -> (N, H). Raises ValueError without a median."""
    middle = np.flatnonzero(np.isclose(levels, 0.5))
    if not len(middle):
        raise ValueError("levels hold no median")
    return np.asarray(np.abs(observed - forecast[..., middle[0]]))


def brier(forecast: Array, observed: Array) -> Array:
    """(probability - outcome)^2: (N, H, 1), (N, H) in {0, 1} -> (N, H). Source: Brier (1950)."""
    return np.asarray(np.square(forecast[..., 0] - observed))
