"""Scores of flood warnings: of the first crossing of a gauge's level by day h, from origins that were quiet.

Leads are nested: a flood by day 3 is one by day 4 too, so that the counts of two leads give that of the days between. A
lead whose count of floods differs from that of the last lead shown by 1 to 4 stays in the country.
"""

from collections.abc import Mapping

import numpy as np

from tasks.data import Array
from tasks.evaluation.event_scores import Event, brier_skill, warning
from tasks.evaluation.histograms import SMALL_COUNT, TABLE
from tasks.evaluation.score import DerivedScore, Estimate, Evaluated, FinalScore, HistogramScore, Score, Sums
from tasks.evaluation.totals import with_all
from tasks.river.floods.calibrating import event

HOURS = 24.0  # from the end of the origin, when a forecast is issued, to the begin of the day after the next


def precision(sums: Sums) -> Estimate:
    """Share of the warnings that a flood followed: 1 - FAR."""
    return _ratio(sums, sums["hits"], sums["hits"] + sums["false_alarms"])


def recall(sums: Sums) -> Estimate:
    """Share of the floods that were warned of: POD."""
    return _ratio(sums, sums["hits"], sums["hits"] + sums["misses"])


def f1(sums: Sums) -> Estimate:
    """Harmonic mean of precision and recall."""
    return _ratio(sums, 2 * sums["hits"], 2 * sums["hits"] + sums["false_alarms"] + sums["misses"])


def with_f1(happening: Event, prefix: str) -> HistogramScore:
    """AUC and what else a histogram shows, with precision, recall and F1 of warnings from `task.cost_loss` on."""
    score = warning(happening, prefix)

    def finish(totals: Sums) -> Sums:
        return {**totals, "small_count": with_all(_nested(totals["bin_events"].sum(axis=1)[:-1]))}

    return HistogramScore(
        totals=score.totals,
        finish=finish,
        estimate=score.estimate,
        names=score.names,
        better=score.better,
        derived={**score.derived, **_of_table(prefix)},
    )


def of_rule(happening: Event, prefix: str) -> FinalScore:
    """F1 of acting from `task.action_probability` on; precision and recall under names with the prefix."""

    def totals(evaluated: Evaluated) -> Sums:
        chance, _, happened = happening(evaluated)
        known, came, warned = np.isfinite(happened), happened > 0, chance >= _action(evaluated)
        cells = (came & warned, came & ~warned, ~came & warned, ~came & ~warned)
        counts = {name: (known & cell).sum(axis=0).astype(float) for name, cell in zip(TABLE, cells, strict=True)}
        return {name: with_all(each) for name, each in {**counts, "count": known.sum(axis=0).astype(float)}.items()}

    def finish(totals: Sums) -> Sums:
        small = _nested((totals["hits"] + totals["misses"])[:-1]) > 0
        for name in TABLE:
            small |= _small(totals[name][:-1])
        return {**totals, "small_count": with_all(small.astype(float))}

    derived = {name: each for name, each in _of_table(prefix).items() if not name.endswith("f1")}
    names = (*TABLE, "count")
    return FinalScore(totals=totals, finish=finish, estimate=f1, names=names, better="larger", derived=derived)


def hours_of_lead(happening: Event, missed: str) -> FinalScore:
    """Mean hours from the issue of a warning by day h, from `task.cost_loss` on, to the begin of the day of its flood.

    missed: name of the same mean with floods that were not warned of as 0 hours.
    """

    def totals(evaluated: Evaluated) -> Sums:
        chance, _, happened = happening(evaluated)
        came = happened > 0
        warned = came & (chance >= evaluated.cost_loss)
        begins = HOURS * np.argmax(came, axis=1)[:, None]  # of the first day above the level
        hours = np.where(warned, begins, 0.0)
        counts = {"hours": hours, "hits": warned, "events": came, "count": np.isfinite(happened)}
        return {name: with_all(each.sum(axis=0).astype(float)) for name, each in counts.items()}

    def finish(totals: Sums) -> Sums:
        hits, events = totals["hits"][:-1], totals["events"][:-1]
        small = (_nested(events) > 0) | _small(hits) | _small(events - hits)
        return {**totals, "small_count": with_all(small.astype(float))}

    return FinalScore(
        totals=totals,
        finish=finish,
        estimate=lambda sums: _ratio(sums, sums["hours"], sums["hits"]),
        names=("hours", "hits", "events", "count"),
        unit="hours",
        better="larger",
        derived={missed: DerivedScore(estimate=lambda sums: _ratio(sums, sums["hours"], sums["events"]))},
    )


def _of_table(prefix: str) -> dict[str, DerivedScore]:
    return {f"{prefix}{each.__name__}": DerivedScore(estimate=each) for each in (precision, recall, f1)}


def _action(evaluated: Evaluated) -> float:
    return float(getattr(evaluated.settings, "action_probability", 1.0))


def _small(counts: Array) -> Array:
    return np.asarray((counts > 0) & (counts < SMALL_COUNT))


def _nested(events: Array) -> Array:
    """(H,) floods by day h -> 1 where they are a few more than those of the last lead that is shown, else 0."""
    withheld, shown = np.zeros(len(events)), 0.0
    for lead, count in enumerate(events):
        withheld[lead] = float(0 < count - shown < SMALL_COUNT)
        shown = shown if withheld[lead] else count
    return withheld


def _ratio(sums: Sums, above: Array, below: Array) -> Estimate:
    """Without an interval: variances of small whole counts would give the blocks of time away."""
    value = np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
    nothing = np.full_like(value, np.nan)
    return Estimate(value=value, low=nothing, high=nothing, n=sums["count"])


SCORES: Mapping[str, Score] = {
    "flood_2y_brier_skill": brier_skill(event(2), "flood_2y_brier"),
    "flood_2y_auc": with_f1(event(2), "flood_2y_"),
    "flood_2y_action_f1": of_rule(event(2), "flood_2y_action_"),
    "flood_2y_hours_of_lead": hours_of_lead(event(2), "flood_2y_hours_a_flood"),
    "flood_5y_brier_skill": brier_skill(event(5), "flood_5y_brier"),
}
