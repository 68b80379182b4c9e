"""Scores of the river task. CRPS from 11 quantiles, as 2 x their mean pinball loss; the headline in units of the
gauge's mean flow, so that a wet catchment does not drown a dry one.

NSE and KGE' are of one gauge and lead each, computed gauge by gauge inside the country; what leaves is their sum over
gauges, each cut at -1, for one gauge can be as bad as it likes.
Sources: Nash and Sutcliffe (1970), https://doi.org/10.1016/0022-1694(70)90255-6; Kling et al. (2012),
https://doi.org/10.1016/j.jhydrol.2012.01.011
"""

from collections.abc import Callable, Mapping

import numpy as np

from tasks.data import Array
from tasks.evaluation.distribution import mean
from tasks.evaluation.scores import (
    Z95,
    Estimate,
    Evaluated,
    Score,
    Sums,
    coverage,
    mean_of,
    mean_of_points,
    relative,
    skill,
    weighted_interval_score,
    with_all,
)
from tasks.river.settings import LEVELS

AT = np.array(LEVELS)
WORST = -1.0
LEAST = 30  # days that say something of a gauge


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


def by_gauge(measure: Callable[[Array, Array], Array]) -> Score:
    """The mean over gauges of a measure of the mean forecast, with an interval from their spread."""

    def totals(evaluated: Evaluated) -> Sums:
        centre = mean(evaluated.forecast, LEVELS)
        horizons = centre.shape[1]
        sums = {name: np.zeros(horizons) for name in ("sum", "squares", "places", "left_out")}
        for place in np.unique(evaluated.place):
            rows = evaluated.place == place
            for lead in range(horizons):
                there = rows & np.isfinite(evaluated.observed[:, lead])
                said, happened = (each[there, lead][:, None] for each in (centre, evaluated.observed))
                value = float(measure(said, happened)[0]) if len(said) >= LEAST else np.nan
                counted = np.isfinite(value)
                value = max(value, WORST) if counted else 0.0
                for name, each in (
                    ("sum", value),
                    ("squares", value**2),
                    ("places", counted),
                    ("left_out", not counted),
                ):
                    sums[name][lead] += each
        count = np.isfinite(evaluated.observed).sum(axis=0).astype(float)
        return {name: with_all(each) for name, each in {**sums, "count": count}.items()}

    def estimate(merged: Sums) -> Estimate:
        places = np.where(merged["places"] > 0, merged["places"], np.nan)
        value = merged["sum"] / places
        half = Z95 * np.sqrt(np.maximum(merged["squares"] / places - value**2, 0) / places)
        return Estimate(value=value, low=value - half, high=value + half, n=merged["count"])

    return Score(
        totals=totals,
        finish=lambda totals: totals,
        estimate=estimate,
        names=("sum", "squares", "places", "left_out", "count"),
        signed=("sum",),
        better="larger",
    )


def _within(share: float) -> Callable[[Array, Array], Array]:
    return lambda forecast, observed: coverage(forecast, observed, AT, share)


SCORES: Mapping[str, Score] = {
    "crps_of_mean": mean_of_points(crps_of_mean),
    "crps_skill": skill(crps),
    "relative_crps": relative(crps),
    "nse": by_gauge(nse),
    "kge": by_gauge(kge),
    "coverage_50": mean_of(_within(0.5), better="nominal", magnitude=False),
    "coverage_90": mean_of(_within(0.9), better="nominal", magnitude=False),
}
