"""Warnings of an event, judged: an outbreak, a drought, a short harvest. What happened and how probable it was said."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tasks.evaluation import histogram_scores, histograms
from tasks.evaluation.distribution import chance_up_to
from tasks.evaluation.scores import Array, Evaluated, Score, Sums, brier, ratio, skill, with_all
from tasks.evaluation.scores import Estimate as Found

Event = Callable[
    [Evaluated], tuple[Array, Array, Array]
]  # (N, H) each: forecast's chance, reference's, and what happened
_SKILL = skill(brier)


def itself(evaluated: Evaluated) -> tuple[Array, Array, Array]:
    """Forecasts that are probabilities of what is observed."""
    return evaluated.forecast[..., 0], evaluated.reference[..., 0], evaluated.observed


def above(levels: tuple[float, ...]) -> Event:
    """More than the threshold, from forecasts by quantiles."""

    def event(evaluated: Evaluated) -> tuple[Array, Array, Array]:
        mine, theirs, threshold = _up_to(evaluated, levels)
        return 1 - mine, 1 - theirs, _happened(evaluated.observed > threshold, evaluated.observed, threshold)

    return event


def below(levels: tuple[float, ...]) -> Event:
    """Less than the threshold, from forecasts by quantiles."""

    def event(evaluated: Evaluated) -> tuple[Array, Array, Array]:
        mine, theirs, threshold = _up_to(evaluated, levels)
        return mine, theirs, _happened(evaluated.observed < threshold, evaluated.observed, threshold)

    return event


def brier_skill(event: Event, name: str, *, once: bool = True) -> Score:
    """Brier skill against the reference, which says nothing where nothing happened; as `name` the Brier score itself.

    once: with the test only. Beside the sums of `names` stands `few`, which stays at home: see `Score`.
    """

    def points(evaluated: Evaluated) -> Evaluated:
        mine, theirs, happened = event(evaluated)
        return replace(evaluated, forecast=mine[..., None], reference=theirs[..., None], observed=happened)

    def sums(evaluated: Evaluated) -> Sums:
        points_of = points(evaluated)
        seen, few = with_all(np.nansum(points_of.observed, axis=0)), with_all(_few(points_of))
        # That there were events, and not how many.
        return {**_SKILL.sums(points_of), "seen": seen.clip(max=1.0), "few": few.clip(max=1.0)}

    def terms(evaluated: Evaluated) -> tuple[Array, Array]:
        assert _SKILL.terms is not None, "a skill has terms"
        points_of = points(evaluated)
        above, below = _SKILL.terms(points_of)
        events = np.nansum(points_of.observed, axis=0)  # without one there is no skill to differ in
        told = (events > 0) & ~_few(points_of)
        return np.where(told, above, np.nan), np.where(told, below, np.nan)

    def estimate(merged: Sums) -> Found:
        found, seen = _SKILL.estimate(merged), merged["seen"] > 0
        value, low, high = (np.where(seen, each, np.nan) for each in (found.value, found.low, found.high))
        return Found(value=value, low=low, high=high, n=found.n)

    names = (*_SKILL.names, "seen")
    return Score(sums=sums, estimate=estimate, names=names, better="larger", more={name: ratio}, terms=terms, once=once)


def warning(event: Event, prefix: str) -> Score:
    """AUC, and everything else that a histogram tells, named with the prefix; with the test only."""

    def sums(evaluated: Evaluated) -> Sums:
        mine, _, happened = event(evaluated)
        return histograms.counted(mine, happened, evaluated.cost_loss)

    return Score(
        sums=sums,
        estimate=histogram_scores.auc,
        names=histograms.NAMES,
        better="larger",
        more={f"{prefix}{name}": estimate for name, estimate in histogram_scores.MEASURES.items()},
        histogram=True,
        once=True,
    )


def _few(points: Evaluated) -> Array:
    """(H,) where events, or their absence, are fewer than FEW: of a forecast that is known, Brier's sum counts them.

    Counted as the sums are: where the forecast is there, where the reference is, and where both are.
    """
    mine, theirs = (np.isfinite(brier(each, points.observed)) for each in (points.forecast, points.reference))
    few = np.zeros(points.observed.shape[1], bool)
    for known in (mine, theirs, mine & theirs):
        events = np.where(known, points.observed, 0.0).sum(axis=0)
        few |= np.any([(each > 0) & (each < histograms.FEW) for each in (events, known.sum(axis=0) - events)], axis=0)
    return few


def _up_to(evaluated: Evaluated, levels: tuple[float, ...]) -> tuple[Array, Array, Array]:
    assert evaluated.threshold is not None, "the windows of this task have a threshold"
    mine, theirs = (
        chance_up_to(each, levels, evaluated.threshold) for each in (evaluated.forecast, evaluated.reference)
    )
    return mine, theirs, evaluated.threshold


def _happened(event: Array, *needed: Array) -> Array:
    return np.where(np.isfinite(needed).all(axis=0), event.astype(np.float64), np.nan)
