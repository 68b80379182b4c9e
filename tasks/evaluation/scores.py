"""Scores made of pointwise ones: their mean, their mean relative to a reference by place, and skill."""

from collections.abc import Callable

import numpy as np

from tasks.evaluation.score import Array, Better, Estimate, Evaluated, Pointwise, Score, Sums
from tasks.evaluation.totals import (
    Z95,
    block_sums,
    block_totals,
    group,
    largest,
    largest_terms,
    per_place,
    ratio,
    with_all,
    zero_filled,
)


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
            **{name: with_all(zero_filled(values).sum(axis=0)) for name, values in points.items()},
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
