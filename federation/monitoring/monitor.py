"""The monitoring of one country's forecasts of a task: scores, and charts of skill and inputs. Nothing leaves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from federation.issuing.archive import Issue
from federation.monitoring.charts import cumulative, limit, standardised
from federation.monitoring.inputs import anomalies, is_slow
from federation.monitoring.scored import Known, Scored, scored, worse
from federation.monitoring.truth import Truth
from tasks.data import Array
from tasks.evaluation.paired_difference import blocks, paired_interval
from tasks.evaluation.score import estimates
from tasks.task import Task

SKILL, TARGET = "skill", "target"
FEWEST_BLOCKS = 2  # of half a year, for an interval that nobody else sees


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score of all months that are known: of what was issued, and of the baseline. n: place-months."""

    score: str
    issued: float
    baseline: float
    n: int


@dataclass(frozen=True, kw_only=True)
class ChartAlarm:
    """month: that raised it; since: with which the sum began that did. Both YYYY-MM."""

    month: str
    since: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """what: `skill`, or a column and `up` or `down`. months: how many are charted, until `until` (YYYY-MM or "").

    value: the sum as it stands. alarms: by month.
    """

    what: str
    months: int
    until: str
    value: float
    alarms: tuple[ChartAlarm, ...]


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """What `gotong node monitor` knows. truth: the vintage in words. known: YYYY-MM, the last month over.

    difference, low, high: of the headline score, issued less baseline, with its 95 % interval; NaN with less than two
    half-years. limit: of every chart. slow: columns that are not charted.
    """

    country: str
    task: str
    known: str
    truth: str
    baseline: str
    issues: int
    after_the_fact: tuple[str, ...]
    seen: int
    months: tuple[str, ...]
    headline: str
    difference: float
    low: float
    high: float
    scores: tuple[ScoreRow, ...]
    limit: float
    charts: tuple[Chart, ...]
    slow: tuple[str, ...]

    def alarms(self, reviewed: str = "") -> list[tuple[Chart, ChartAlarm]]:
        """Those of months after `reviewed`, YYYY-MM."""
        return [(chart, alarm) for chart in self.charts for alarm in chart.alarms if alarm.month > reviewed]


def monitor(task: Task, country: str, issues: Sequence[Issue], known: Known, truth: Truth) -> Monitored:
    """Scores and charts of the archived issues, of which one at least can be monitored. See `scored.monitored`."""
    done = scored(task, issues, known, truth)
    months, skill = _by_month(done, task)
    inputs, slow = _inputs(truth, done.issued.origin.min())
    named = [(SKILL, months, standardised(skill)), *inputs]
    height = limit(len(named))
    score = next(iter(task.scores))
    difference = paired_interval(blocks(task.scores[score], done.issued, done.baseline), FEWEST_BLOCKS)
    enough = difference["count"][-1] > 0
    observed = np.unique(done.due[np.isfinite(done.issued.observed)])
    return Monitored(
        country=country,
        task=task.name,
        known=str(truth.vintages[-1].known),
        truth=truth.words(),
        baseline=done.name,
        issues=done.issues,
        after_the_fact=done.after_the_fact,
        seen=done.seen,
        months=tuple(map(str, observed)),
        headline=score,
        difference=float(difference["value"][-1]) if enough else np.nan,
        low=float(difference["low"][-1]) if enough else np.nan,
        high=float(difference["high"][-1]) if enough else np.nan,
        scores=tuple(_rows(task, done)),
        limit=height,
        charts=tuple(_chart(what, months, normal, height) for what, months, normal in named),
        slow=slow,
    )


def _by_month(done: Scored, task: Task) -> tuple[Array, Array]:
    """Months from the first to the last due, and how much worse than the baseline the forecasts of each were."""
    points = worse(task, done.issued) - worse(task, done.baseline)
    there = np.unique(done.due)
    step = int(np.diff(there).min().astype(int)) if len(there) > 1 else 1
    months = np.arange(there[0], there[-1] + 1, step)
    series = np.full(len(months), np.nan)
    for at, month in enumerate(months):
        of_month = points[done.due == month]
        known = of_month[np.isfinite(of_month)]
        series[at] = known.mean() if len(known) else np.nan
    return months, series


def _inputs(truth: Truth, start: np.datetime64) -> tuple[list[tuple[str, Array, Array]], tuple[str, ...]]:
    """Both directions of every column, charted after `start`; the months before are what they are compared with.

    And the columns that move too slowly to be charted.
    """
    months = truth.now.periods.astype("datetime64[M]")
    old_enough = months + (truth.lag or 0) <= truth.vintages[-1].known
    charts: list[tuple[str, Array, Array]] = []
    slow: list[str] = []
    for name, series in anomalies(truth.now, TARGET).items():
        if is_slow(series[months <= start]):
            slow.append(name)
            continue
        normal = np.where(months > start, standardised(np.where(old_enough, series, np.nan)), np.nan)
        charts += [(f"{name} up", months, normal), (f"{name} down", months, -normal)]
    return charts, tuple(slow)


def _chart(what: str, months: Array, normal: Array, height: float) -> Chart:
    sums, alarms = cumulative(normal, height)
    charted = np.flatnonzero(np.isfinite(normal))
    return Chart(
        what=what,
        months=len(charted),
        until=str(months[charted[-1]]) if len(charted) else "",
        value=float(sums[charted[-1]]) if len(charted) else 0.0,
        alarms=tuple(ChartAlarm(month=str(months[each.at]), since=str(months[each.since])) for each in alarms),
    )


def _rows(task: Task, done: Scored) -> Iterator[ScoreRow]:
    """Every score of the task that can be calculated, over all horizons."""
    for name, score in task.scores.items():
        issued, baseline = score.sums(done.issued), score.sums(done.baseline)
        for each, estimate in estimates(name, score).items():
            of_issued, of_baseline = estimate(issued), estimate(baseline)
            if of_issued.n[-1] > 0:
                yield ScoreRow(
                    score=each,
                    issued=float(of_issued.value[-1]),
                    baseline=float(of_baseline.value[-1]),
                    n=int(of_issued.n[-1]),
                )
