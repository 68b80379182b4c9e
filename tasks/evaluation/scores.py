"""Scores as sums that add over places, months and countries, and are divided once, after merging.

Three layers: a pointwise function (forecast, observed) -> (N, H); sums of it with one row a horizon and a last row for
all horizons together; an Estimate from merged sums. Sums and counts may cross a border, points may not.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Sums = Mapping[str, Array]
Pointwise = Callable[[Array, Array], Array]

BLOCK = 6  # periods in one block; outbreaks and droughts last about half a year
FEWEST_BLOCKS = 3  # behind a spread; from that of two, and their sum, both could be told
Z95 = 1.959964  # standard normal, two-sided 95 %


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What one arm forecast for one country, with what happened.

    forecast, reference: (N, H, K) natural units; observed: (N, H), NaN does not count;
    place: (N,) index; origin: (N,) datetime64[M].
    unit: (N,) natural units that make one relative unit, `Windows.restore["unit"]` of a task that has such scores.
    threshold: (N, H) of the event that is warned of, or None, as in `Windows`.
    cost_loss: the probability from which on a warning is given.
    """

    forecast: Array
    reference: Array
    observed: Array
    place: Array
    origin: Array
    unit: Array | None = None
    threshold: Array | None = None
    cost_loss: float = 0.3


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """(H + 1,) each: a row a horizon, then all horizons. NaN where nothing was scored.

    low, high: 95 % interval, NaN where there is none.
    """

    value: Array
    low: Array
    high: Array
    n: Array


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score in two halves: `sums` runs inside the country, `estimate` after merging.

    Every array of `sums` is (H + 1,) float64 and additive; `count` is always there: the place-periods scored.
    more: other numbers that the same sums tell, name -> estimate.
    terms: (N, H) points above and below, whose sums' ratio the estimate is; None where it is of another kind.
    once: judged with the test alone; counts of single events, sent every round, could be told apart by subtraction.
    histogram: the sums are those of `tasks.evaluation.histograms`, of which some are (H + 1, BINS).
    Sums may say `few`, beside their names: above 0 in a row that would tell a small count. Such a row stays at home.
    """

    sums: Callable[[Evaluated], Sums]
    estimate: Callable[[Sums], Estimate]
    names: tuple[str, ...]  # of the sums; a gate lets no other leave
    unit: str = ""
    better: Literal["smaller", "larger", "nominal"] = "smaller"
    more: Mapping[str, Callable[[Sums], Estimate]] = field(default_factory=dict)
    terms: Callable[[Evaluated], tuple[Array, Array]] | None = None
    once: bool = False
    histogram: bool = False


def merge(parts: Iterable[Sums]) -> dict[str, Array]:
    """Add sums of several countries; order does not matter beyond rounding. Raises ValueError for none."""
    collected = list(parts)
    if not collected:
        raise ValueError("no sums to merge")
    return {name: np.sum([part[name] for part in collected], axis=0) for name in collected[0]}


def mean_of(
    pointwise: Pointwise, *, unit: str = "", better: Literal["smaller", "larger", "nominal"] = "smaller"
) -> Score:
    """The mean of a pointwise score, with the variance of its sum from blocks of time."""
    return mean_of_points(lambda evaluated: pointwise(evaluated.forecast, evaluated.observed), unit=unit, better=better)


def mean_of_points(
    points: Callable[[Evaluated], Array], *, unit: str = "", better: Literal["smaller", "larger", "nominal"] = "smaller"
) -> Score:
    """The same of (N, H) points that may look at more than forecast and observation."""

    def sums(evaluated: Evaluated) -> Sums:
        return block_sums(points(evaluated), evaluated.origin)

    def terms(evaluated: Evaluated) -> tuple[Array, Array]:
        found = points(evaluated)
        return found, np.ones_like(found)

    return Score(sums=sums, estimate=ratio, names=("sum", "count", "variance"), unit=unit, better=better, terms=terms)


def relative(pointwise: Pointwise) -> Score:
    """exp(mean over places of log(mean score / mean score of the reference)); below 1 beats the reference.

    Places whose reference score is 0 are counted (`left_out`) and left out: their ratio is undefined.
    Source: scaled relative skill of Cramer et al. (2022), https://doi.org/10.1073/pnas.2113561119, per place.
    """

    def sums(evaluated: Evaluated) -> Sums:
        mine = per_place(pointwise(evaluated.forecast, evaluated.observed), evaluated.place)
        theirs = per_place(pointwise(evaluated.reference, evaluated.observed), evaluated.place)
        usable = (theirs[0] > 0) & (mine[0] > 0)
        logs = np.where(usable, np.log(np.where(usable, mine[0], 1) / np.where(usable, theirs[0], 1)), 0.0)
        return {
            "sum": logs.sum(axis=1),
            "squares": np.square(logs).sum(axis=1),
            "places": usable.sum(axis=1).astype(float),
            "left_out": ((mine[1] > 0) & ~usable).sum(axis=1).astype(float),
            "count": mine[1].sum(axis=1),
        }

    def estimate(merged: Sums) -> Estimate:
        places = np.where(merged["places"] > 0, merged["places"], np.nan)
        mean = merged["sum"] / places
        spread = np.sqrt(np.maximum(merged["squares"] / places - mean**2, 0) / places)
        return Estimate(
            value=np.exp(mean), low=np.exp(mean - Z95 * spread), high=np.exp(mean + Z95 * spread), n=merged["count"]
        )

    return Score(sums=sums, estimate=estimate, names=("sum", "squares", "places", "left_out", "count"))


def skill(pointwise: Pointwise) -> Score:
    """1 - mean score / mean score of the reference; above 0 beats the reference. Brier skill when the score is Brier's.

    The interval uses the block variance of (score - (1 - skill) * reference score), the linearised ratio.
    """

    def sums(evaluated: Evaluated) -> Sums:
        mine, theirs = (
            pointwise(evaluated.forecast, evaluated.observed),
            pointwise(evaluated.reference, evaluated.observed),
        )
        own, other = block_sums(mine, evaluated.origin), block_sums(theirs, evaluated.origin)
        both = block_sums(mine + theirs, evaluated.origin)
        return {
            "sum": own["sum"],
            "reference": other["sum"],
            "count": own["count"],
            "variance": own["variance"],
            "reference_variance": other["variance"],
            "covariance": (both["variance"] - own["variance"] - other["variance"]) / 2,
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
        mine, theirs = (
            pointwise(evaluated.forecast, evaluated.observed),
            pointwise(evaluated.reference, evaluated.observed),
        )
        return theirs - mine, theirs

    names = ("sum", "reference", "count", "variance", "reference_variance", "covariance")
    return Score(sums=sums, estimate=estimate, names=names, better="larger", terms=terms)


def ratio(merged: Sums) -> Estimate:
    """sum / count with a normal 95 % interval from the variance of the sum; none where too few blocks leave none."""
    count = np.where(merged["count"] > 0, merged["count"], np.nan)
    value = merged["sum"] / count
    variance = np.where(merged["variance"] > 0, merged["variance"], np.nan)
    spread = Z95 * np.sqrt(variance) / count
    return Estimate(value=value, low=value - spread, high=value + spread, n=merged["count"])


def block_sums(points: Array, origin: Array) -> dict[str, Array]:
    """Sum, count and variance of the sum of (N, H) points; NaN does not count. Returns (H + 1,) each.

    The variance is what a block bootstrap over time converges to: with block totals S_b and counts n_b, the sum over
    blocks of (S_b - mean * n_b)^2, times B / (B - 1). Whole regions share a block, so spatial dependence is kept. It is
    0 where fewer than FEWEST_BLOCKS have a point.
    Source: Kunsch (1989), https://doi.org/10.1214/aos/1176347265 (non-overlapping case).
    """
    reported = np.isfinite(points)
    filled = np.where(reported, points, 0.0)
    total = with_all(filled.sum(axis=0))
    count = with_all(reported.sum(axis=0).astype(float))
    _, (sums, counts) = in_blocks(origin, filled, reported)
    number = (counts > 0).sum(axis=0)
    squares = np.square(sums - total / np.maximum(count, 1) * counts).sum(axis=0)
    variance = np.where(number >= FEWEST_BLOCKS, squares * number / np.maximum(number - 1, 1), 0.0)
    return {"sum": total, "count": count, "variance": variance}


def in_blocks(origin: Array, *points: Array) -> tuple[Array, list[Array]]:
    """(B,) labels of blocks of time, the same in every country, and the sums in them of (N, H) points: (B, H + 1)."""
    blocks = np.asarray(origin, "datetime64[M]").astype(np.int64) // BLOCK
    labels, index = np.unique(blocks, return_inverse=True)
    found = []
    for each in points:
        sums = np.zeros((len(labels), each.shape[1]))
        np.add.at(sums, index, each.astype(float))
        found.append(np.concatenate([sums, sums.sum(axis=1, keepdims=True)], axis=1))
    return labels, found


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
    return np.asarray(np.maximum(levels * error, (levels - 1) * error).mean(axis=-1))


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
    if not all(len(found) for found in at):
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
