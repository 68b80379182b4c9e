"""Scores of the river task. CRPS from 11 quantiles, as 2 x their mean pinball loss; the headline in units of the
gauge's mean flow, so that a wet catchment does not drown a dry one.

NSE and KGE' are of one gauge and lead each, computed gauge by gauge inside the country; what leaves is their sum over
gauges, each cut at -1, and the country's median, for one gauge can be as bad as it likes.
Sources: Nash and Sutcliffe (1970), https://doi.org/10.1016/0022-1694(70)90255-6; Kling et al. (2012),
https://doi.org/10.1016/j.jhydrol.2012.01.011
"""

from collections.abc import Callable, Mapping

import numpy as np

from tasks.data import Array
from tasks.evaluation.distribution import mean
from tasks.evaluation.pointwise import coverage, weighted_interval_score
from tasks.evaluation.score import DerivedScore, Estimate, Evaluated, Score, Sums
from tasks.evaluation.scores import mean_of, mean_of_points, relative, skill
from tasks.evaluation.totals import Z95, with_all
from tasks.river.floods.scores import SCORES as FLOOD_SCORES
from tasks.river.gauges.separated import separated
from tasks.river.settings import LEVELS

AT = np.array(LEVELS)
WORST = -1.0
LEAST = 30  # days that say something of a gauge
BINS = np.linspace(WORST, 1.0, 1001)  # of gauges' values, for their median
GAUGES = ("sum", "squares", "places", "left_out", "count", "median_sum")  # sums of a measure of gauges


def crps(forecast: Array, observed: Array) -> Array:
    """In mm/d: (N, H, 11), (N, H) -> (N, H)."""
    return weighted_interval_score(forecast, observed, AT)


def crps_of_mean(evaluated: Evaluated) -> Array:
    """In units of the gauge's mean flow: (N, H)."""
    assert evaluated.unit is not None, "the windows of this task restore a unit"
    return crps(evaluated.forecast, evaluated.observed) / evaluated.unit[:, None]


def nse(forecast: Array, observed: Array) -> Array:
    """Nash-Sutcliffe efficiency of each column: (N, H), (N, H) without NaN -> (H,)."""
    around = np.square(observed - observed.mean(axis=0)).sum(axis=0)
    return np.asarray(1 - np.square(forecast - observed).sum(axis=0) / np.where(around > 0, around, np.nan))


def kge(forecast: Array, observed: Array) -> Array:
    """Modified Kling-Gupta efficiency of each column: correlation, ratio of means, ratio of variations."""
    centre, usual = forecast.mean(axis=0), observed.mean(axis=0)
    spread, scatter = forecast.std(axis=0), observed.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        together = ((forecast - centre) * (observed - usual)).mean(axis=0) / (spread * scatter)
        variation = (spread / centre) / (scatter / usual)
        return np.asarray(1 - np.sqrt((together - 1) ** 2 + (centre / usual - 1) ** 2 + (variation - 1) ** 2))


def by_gauge(name: str, measure: Callable[[Array, Array], Array]) -> Score:
    """The mean over gauges of a measure of the mean forecast, with an interval from their spread; and `NAME_median`.

    A country's median is made at home, of how many gauges lie in each narrow bin; of a region it is the mean of the
    countries' medians by their gauges.
    """

    def totals(evaluated: Evaluated) -> Sums:
        values = _of_gauges(measure, mean(evaluated.forecast, LEVELS), evaluated)
        counted = np.isfinite(values)
        known = np.where(counted, values, 0.0)
        count = np.isfinite(evaluated.observed).sum(axis=0).astype(float)
        by_lead = {"sum": known, "squares": known**2, "places": counted, "left_out": ~counted}
        binned = np.stack([np.histogram(each[ok], BINS)[0] for each, ok in zip(values.T, counted.T, strict=True)])
        return {
            **{key: with_all(each.sum(axis=0).astype(float)) for key, each in by_lead.items()},
            "count": with_all(count),
            "binned": binned.astype(float),
        }

    def finish(totals: Sums) -> Sums:
        medians = np.array([_median(counts) for counts in totals["binned"]]) * totals["places"][:-1]
        return {**{key: totals[key] for key in GAUGES[:-1]}, "median_sum": with_all(medians)}

    def estimate(merged: Sums) -> Estimate:
        places = np.where(merged["places"] > 0, merged["places"], np.nan)
        value = merged["sum"] / places
        half = Z95 * np.sqrt(np.maximum(merged["squares"] / places - value**2, 0) / places)
        return Estimate(value=value, low=value - half, high=value + half, n=merged["count"])

    return Score(
        totals=totals,
        finish=finish,
        estimate=estimate,
        names=GAUGES,
        signed=("sum", "median_sum"),
        better="larger",
        derived={f"{name}_median": DerivedScore(estimate=_of_medians)},
    )


def _of_gauges(measure: Callable[[Array, Array], Array], centre: Array, evaluated: Evaluated) -> Array:
    """(G, H) of each gauge among the windows, WORST at least; NaN where too few days were measured."""
    gauges, horizons = np.unique(evaluated.place), centre.shape[1]
    values = np.full((len(gauges), horizons), np.nan)
    for row, gauge in enumerate(gauges):
        said, happened = (each[evaluated.place == gauge] for each in (centre, evaluated.observed))
        for lead in range(horizons):
            there = np.isfinite(happened[:, lead])
            if there.sum() >= LEAST:
                values[row, lead] = measure(said[there, lead, None], happened[there, lead, None])[0]
    return np.asarray(np.maximum(values, WORST))


def _median(counts: Array) -> float:
    """Of counts in BINS, to half of a bin; 0 of none."""
    if not counts.any():
        return 0.0
    middles, upto = (BINS[1:] + BINS[:-1]) / 2, np.cumsum(counts)
    half = upto[-1] / 2
    low, high = np.searchsorted(upto, half), np.searchsorted(upto, half, side="right")
    return float(middles[low] + middles[high]) / 2


def _of_medians(merged: Sums) -> Estimate:
    value = merged["median_sum"] / np.where(merged["places"] > 0, merged["places"], np.nan)
    nothing = np.full_like(value, np.nan)
    return Estimate(value=value, low=nothing, high=nothing, n=merged["count"])


def _within(share: float) -> Callable[[Array, Array], Array]:
    return lambda forecast, observed: coverage(forecast, observed, AT, share)


SCORES: Mapping[str, Score] = {
    "crps_of_mean": mean_of_points(crps_of_mean),
    "crps_skill": skill(crps),
    "relative_crps": relative(crps),
    "nse": by_gauge("nse", nse),
    "kge": by_gauge("kge", kge),
    "coverage_50": mean_of(_within(0.5), better="nominal", magnitude=False),
    "coverage_90": mean_of(_within(0.9), better="nominal", magnitude=False),
    "crps_skill_separated": separated(skill(crps)),
    **FLOOD_SCORES,
}
