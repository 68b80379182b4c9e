"""From sums of countries to rows of a table: merged first, divided once. An average of averages is a wrong number."""

from collections.abc import Mapping, Sequence

from federation.coordinator.checks import ScoreName
from federation.results import ALL, Row
from federation.settings import Plan
from tasks import TASKS
from tasks.scores import Score, Sums, merge


def rows(scores: Mapping[str, Mapping[ScoreName, Sums]], plan: Plan, region: str, part: str) -> list[Row]:
    """Rows of one part for every country, arm, score and horizon, then for the region.

    scores: country -> (part, arm, score) -> sums. Countries are merged in alphabetical order.
    """
    task = TASKS[plan.task.name]
    horizons = (*task.horizons(plan.task), ALL)
    found: list[Row] = []
    merged: dict[tuple[str, str], list[Sums]] = {}
    for country in sorted(scores):
        for (of, arm, name), sums in sorted(scores[country].items()):
            if of == part:
                merged.setdefault((arm, name), []).append(sums)
                found += _rows(plan.task.name, country, arm, name, task.scores[name], sums, horizons)
    for (arm, name), parts in merged.items():
        found += _rows(plan.task.name, region, arm, name, task.scores[name], merge(parts), horizons)
    return found


def _rows(task: str, country: str, arm: str, name: str, score: Score, sums: Sums, horizons: Sequence[str]) -> list[Row]:
    estimate = score.estimate(sums)
    return [
        Row(
            task=task,
            country=country,
            arm=arm,
            score=name,
            horizon=horizon,
            value=float(estimate.value[h]),
            low=float(estimate.low[h]),
            high=float(estimate.high[h]),
            n=int(estimate.n[h]),
        )
        for h, horizon in enumerate(horizons)
    ]
