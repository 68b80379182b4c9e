"""A forecast's report with what changed since the last one, and what became of the last one of an earlier month."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from federation.pages.forecast_report import Came, Change, Checked, ForecastReport, Outlooks, Since, Step
from tasks.products.forecast import Issued
from tasks.task import Task

MOVED, NAMED = 0.1, 0.05  # a change of a chance that is counted, and one that is named
MOST_CHANGES, MOST_CAME = 10, 24  # of the page
Truth = Mapping[tuple[str, str], float]  # (place, period) -> what is on record, as the task's scores see it


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """Reports of forecasts that were issued before. last: the last one; before: the last one of an earlier month."""

    last: ForecastReport | None = None
    before: ForecastReport | None = None


def with_earlier(report: ForecastReport, earlier: Earlier, task: Task, issued: Issued) -> ForecastReport:
    """The report with both comparisons, as far as there is something to compare."""
    since = None if earlier.last is None else _since(report, earlier.last)
    checked = None if earlier.before is None else _checked(earlier.before, _truth(task, issued, earlier.before))
    return replace(report, since=since, checked=checked)


def _since(report: ForecastReport, last: ForecastReport) -> Since | None:
    before = {(place.place, step.due): step.chance for place, step in _steps(last.places)}
    changes = [
        Change(place=place.place, name=place.name, due=step.due, before=old, now=step.chance)
        for place, step in _steps(report.places)
        if step.chance is not None and (old := before.get((place.place, step.due))) is not None
    ]
    if not changes:
        return None
    changes.sort(key=lambda change: (-abs(change.now - change.before), change.name, change.due))
    return Since(
        sent=last.sent,
        until=last.records_until,
        model=last.model,
        both=len(changes),
        risen=sum(change.now - change.before >= MOVED for change in changes),
        fallen=sum(change.before - change.now >= MOVED for change in changes),
        changes=[change for change in changes[:MOST_CHANGES] if abs(change.now - change.before) >= NAMED],
    )


def _truth(task: Task, issued: Issued, before: ForecastReport) -> Truth:
    """What the records of the present forecast say of the periods of an earlier one."""
    windows = task.windows(issued.panel, issued.settings)
    wanted = {step.due for _, step in _steps(before.places)}
    periods = np.unique(windows.due)
    of_interest = periods[[str(each) in wanted for each in periods]]
    at = np.argwhere(np.isin(windows.due, of_interest) & np.isfinite(windows.observed))
    return {
        (windows.places[windows.place[row]], str(windows.due[row, h])): float(windows.observed[row, h]) for row, h in at
    }


def _checked(before: ForecastReport, truth: Truth) -> Checked | None:
    rows = [
        _came(before, place, step, truth[place.place, step.due])
        for place, step in _steps(before.places)
        if step.coming and isfinite(truth.get((place.place, step.due), np.nan))
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: (-(row.chance or 0.0), row.name, row.due))
    known = [row for row in rows if row.happened is not None]
    banded = [row for row in rows if row.low is not None and row.high is not None and row.observed is not None]
    return Checked(
        sent=before.sent,
        until=before.records_until,
        model=before.model,
        n=len(rows),
        within=sum((row.low or 0.0) <= (row.observed or 0.0) <= (row.high or 0.0) for row in banded),
        banded=len(banded),
        happened=sum(bool(row.happened) for row in known),
        known=len(known),
        expected=float(sum(row.chance or 0.0 for row in known)),
        rows=rows[:MOST_CAME],
    )


def _came(before: ForecastReport, place: Outlooks, step: Step, value: float) -> Came:
    if not step.quantiles:  # the target is the event itself
        happened = None if step.chance is None else value > 0.5
        return Came(place=place.place, name=place.name, due=step.due, chance=step.chance, happened=happened)
    low, _, middle, _, high = step.quantiles
    happened = None
    if step.level is not None and step.chance is not None:
        happened = value < step.level if before.below else value > step.level
    return Came(
        place=place.place,
        name=place.name,
        due=step.due,
        chance=step.chance,
        happened=happened,
        observed=value,
        low=low,
        middle=middle,
        high=high,
    )


def _steps(places: Sequence[Outlooks]) -> Iterator[tuple[Outlooks, Step]]:
    return ((place, step) for place in places for step in place.steps)
