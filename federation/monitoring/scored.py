"""Issued forecasts with what happened, and what the country's strongest baseline would have said in their place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from federation.issuing.archive import HELD, Forecast, Issue, forecast_of
from federation.issuing.vintages import complete
from federation.monitoring.truth import Truth, rows_of
from tasks.data import Array, Panel
from tasks.evaluation.of_windows import evaluated
from tasks.evaluation.score import Evaluated, Score
from tasks.products.forecast import month_of
from tasks.settings import TaskSettings
from tasks.task import Task

REFERENCE_MONTHS = 36  # before the first issue, by which the strongest baseline is chosen

Known = Callable[[Issue], tuple[TaskSettings, Panel]]  # an issue -> its task's settings, and the records it rested on


@dataclass(frozen=True, kw_only=True)
class Scored:
    """issued, baseline: the same N place-months, the baseline being the reference of both. due: (N, H).

    name: of the baseline. issues: how many are scored or wait for it. after_the_fact: names of those that
    are left out for that. seen: place-months left out because their model had learnt from them.
    """

    issued: Evaluated
    baseline: Evaluated
    due: Array
    name: str
    issues: int
    after_the_fact: tuple[str, ...]
    seen: int


def monitored(issues: Sequence[Issue]) -> tuple[list[Issue], list[Issue]]:
    """Of every origin the last issue that nobody holds back; and those made after the fact, which show no skill."""
    chosen: dict[str, Issue] = {}
    after: list[Issue] = []
    for issue in issues:
        if np.datetime64(issue.content.as_of, "M") < complete(issue.content.sent):
            after.append(issue)
        elif issue.state != HELD:
            chosen[issue.content.origin] = issue
    return [chosen[origin] for origin in sorted(chosen)], after


def scored(task: Task, issues: Sequence[Issue], known: Known, truth: Truth) -> Scored:
    """The forecasts of `monitored` issues, rising by origin, of which there is one at least."""
    chosen, after = monitored(issues)
    name, parts, seen = "", [], 0
    for issue in chosen:
        settings, panel = known(issue)
        name = name or strongest(task, panel, settings)
        part = _of_issue(task, forecast_of(issue), settings, panel, name, truth)
        parts.append(part)
        seen += part.seen
    return _together(parts, name, tuple(each.name for each in after), seen)


def strongest(task: Task, panel: Panel, settings: TaskSettings) -> str:
    """The baseline with the best headline score on the last months that these records know."""
    windows = task.windows(panel, settings)
    recent = np.unique(windows.origin[np.isfinite(windows.observed).any(axis=1)])[-REFERENCE_MONTHS:]
    windows = windows.take(np.isin(windows.origin, recent))
    forecasts = {name: each(panel, windows, settings) for name, each in task.baselines.items()}
    reference = evaluated(forecasts[task.reference], windows, settings)
    means = {
        name: float(np.nanmean(worse(task, replace(reference, forecast=each)))) for name, each in forecasts.items()
    }
    return min(means, key=lambda name: means[name])


def worse(task: Task, said: Evaluated) -> Array:
    """(N, H) points of the headline score, the larger the worse."""
    score = headline(task)
    assert score.terms is not None, "a headline score is a sum of points"
    points = score.terms(said)[0]
    return -points if score.better == "larger" else points


def headline(task: Task) -> Score:
    """The task's first score."""
    return next(iter(task.scores.values()))


@dataclass(frozen=True, kw_only=True)
class _Part:
    forecast: Array
    baseline: Array
    observed: Array
    threshold: Array | None
    unit: Array | None
    places: tuple[str, ...]
    origin: Array
    due: Array
    seen: int
    cost_loss: float
    step: str


def _of_issue(task: Task, forecast: Forecast, settings: TaskSettings, panel: Panel, name: str, truth: Truth) -> _Part:
    windows = task.windows(panel, settings)
    rows = rows_of(windows, forecast.places, forecast.origin)
    there = rows >= 0
    places = tuple(place for place, kept in zip(forecast.places, there, strict=True) if kept)
    chosen = windows.take(rows[there])
    origin, due = forecast.origin[there], forecast.due[there]
    observed = truth.observed(settings, places, origin, due)
    learnt = due <= month_of(settings.calendar.cuts()[1])  # by weights, or by what was chosen
    return _Part(
        forecast=forecast.values[there],
        baseline=task.baselines[name](panel, chosen, settings),
        observed=np.where(learnt, np.nan, observed),
        threshold=chosen.threshold,
        unit=chosen.restore.get("unit"),
        places=places,
        origin=origin,
        due=due,
        seen=int(np.count_nonzero(learnt & np.isfinite(observed))),
        cost_loss=settings.cost_loss,
        step=panel.step,
    )


def _together(parts: Sequence[_Part], name: str, after: tuple[str, ...], seen: int) -> Scored:
    horizons = min(part.due.shape[1] for part in parts)
    index: Mapping[str, int] = {
        place: at for at, place in enumerate(sorted({p for part in parts for p in part.places}))
    }

    def joined(field: str) -> Array:
        return np.concatenate([getattr(part, field)[:, :horizons] for part in parts])

    unit, threshold, forecast = parts[0].unit, parts[0].threshold, joined("baseline")
    baseline = Evaluated(
        forecast=forecast,
        reference=forecast,
        observed=joined("observed"),
        place=np.array([index[place] for part in parts for place in part.places], dtype=np.int64),
        origin=np.concatenate([part.origin for part in parts]),
        unit=None if unit is None else np.concatenate([part.unit for part in parts]),
        threshold=None if threshold is None else joined("threshold"),
        cost_loss=parts[-1].cost_loss,
        step=parts[-1].step,
    )
    return Scored(
        issued=replace(baseline, forecast=joined("forecast")),
        baseline=baseline,
        due=joined("due"),
        name=name,
        issues=len(parts),
        after_the_fact=after,
        seen=seen,
    )
