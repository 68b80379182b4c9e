"""Scores of warnings of an event: an outbreak, a drought, a short harvest."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tasks.evaluation import histogram_scores, histograms
from tasks.evaluation.distribution import chance_up_to
from tasks.evaluation.pointwise import brier
from tasks.evaluation.score import Array, DerivedScore, Estimate, Evaluated, FinalScore, HistogramScore, Score, Sums
from tasks.evaluation.scores import skill
from tasks.evaluation.totals import group, ratio, with_all

Event = Callable[
    [Evaluated], tuple[Array, Array, Array]
]  # (N, H) each: forecast's chance, reference's, and what happened
_SKILL = skill(brier, magnitude=False)


def itself(evaluated: Evaluated) -> tuple[Array, Array, Array]:
    """Forecasts that are probabilities of what is observed."""
    return evaluated.forecast[..., 0], evaluated.reference[..., 0], evaluated.observed


def above(levels: tuple[float, ...]) -> Event:
    """More than the threshold, from forecasts by quantiles."""

    def event(evaluated: Evaluated) -> tuple[Array, Array, Array]:
        forecast, reference, threshold = _up_to(evaluated, levels)
        return 1 - forecast, 1 - reference, _happened(evaluated.observed > threshold, evaluated.observed, threshold)

    return event


def below(levels: tuple[float, ...]) -> Event:
    """Less than the threshold, from forecasts by quantiles."""

    def event(evaluated: Evaluated) -> tuple[Array, Array, Array]:
        forecast, reference, threshold = _up_to(evaluated, levels)
        return forecast, reference, _happened(evaluated.observed < threshold, evaluated.observed, threshold)

    return event


def brier_skill(event: Event, name: str, *, kind: type[Score] = FinalScore) -> Score:
    """Brier skill against the reference, NaN where no event happened; as `name` the Brier score itself.

    Its terms are no magnitudes: they are at most 1, of events that happened or not, and the rule of small counts holds.
    kind: `Score` where it is sent every round too.
    """

    def points(evaluated: Evaluated) -> Evaluated:
        forecast, reference, happened = event(evaluated)
        return replace(evaluated, forecast=forecast[..., None], reference=reference[..., None], observed=happened)

    def totals(evaluated: Evaluated) -> Sums:
        points_of = points(evaluated)
        seen = with_all(np.nansum(points_of.observed, axis=0))
        return {**_SKILL.totals(points_of), "seen": seen, **_event_counts(points_of)}

    def finish(totals: Sums) -> Sums:
        small = with_all(_small_count(totals).astype(float))
        # That there were events, and not how many.
        return {**_SKILL.finish(totals), "seen": totals["seen"].clip(max=1.0), "small_count": small.clip(max=1.0)}

    def terms(evaluated: Evaluated) -> tuple[Array, Array]:
        assert _SKILL.terms is not None, "a skill has terms"
        points_of = points(evaluated)
        above, below = _SKILL.terms(points_of)
        events = np.nansum(points_of.observed, axis=0)  # without one there is no skill to differ in
        usable = (events > 0) & ~_small_count(_event_counts(points_of))
        return np.where(usable, above, np.nan), np.where(usable, below, np.nan)

    def estimate(merged: Sums) -> Estimate:
        gain, seen = _SKILL.estimate(merged), merged["seen"] > 0
        value, low, high = (np.where(seen, each, np.nan) for each in (gain.value, gain.low, gain.high))
        return Estimate(value=value, low=low, high=high, n=gain.n)

    return kind(
        totals=totals,
        finish=finish,
        estimate=estimate,
        names=(*_SKILL.names, "seen"),
        signed=_SKILL.signed,
        better="larger",
        derived={name: DerivedScore(estimate=ratio)},
        terms=terms,
    )


def warning(event: Event, prefix: str) -> HistogramScore:
    """AUC, and everything else that a histogram shows, named with the prefix. Its sums are counts, no magnitudes."""

    def totals(evaluated: Evaluated) -> Sums:
        chance, _, happened = event(evaluated)
        return histograms.counted(chance, happened, evaluated.cost_loss)

    return HistogramScore(
        totals=totals,
        finish=lambda totals: totals,
        estimate=histogram_scores.auc,
        names=histograms.NAMES,
        better="larger",
        derived={
            f"{prefix}{name}": DerivedScore(estimate=estimate) for name, estimate in histogram_scores.MEASURES.items()
        },
    )


def _event_counts(points: Evaluated) -> dict[str, Array]:
    """Events and their absences, (H,) each, counted as Brier's sums are: where the forecast is there, where the
    reference is, and where both are; of a forecast that is known, such a sum counts the events.
    """
    forecast, reference = (np.isfinite(brier(each, points.observed)) for each in (points.forecast, points.reference))
    counts: dict[str, Array] = {}
    for name, known in (("forecast", forecast), ("reference", reference), ("both", forecast & reference)):
        events = np.where(known, points.observed, 0.0).sum(axis=0)
        counts |= {f"events/{name}": events, f"absences/{name}": known.sum(axis=0) - events}
    return counts


def _small_count(totals: Sums) -> Array:
    """(H,) where events, or their absences, are fewer than SMALL_COUNT and not 0."""
    counts = [*group(totals, "events").values(), *group(totals, "absences").values()]
    return np.asarray(np.any([(each > 0) & (each < histograms.SMALL_COUNT) for each in counts], axis=0))


def _up_to(evaluated: Evaluated, levels: tuple[float, ...]) -> tuple[Array, Array, Array]:
    assert evaluated.threshold is not None, "the windows of this task have a threshold"
    forecast, reference = (
        chance_up_to(each, levels, evaluated.threshold) for each in (evaluated.forecast, evaluated.reference)
    )
    return forecast, reference, evaluated.threshold


def _happened(event: Array, *needed: Array) -> Array:
    return np.where(np.isfinite(needed).all(axis=0), event.astype(np.float64), np.nan)
