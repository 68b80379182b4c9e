"""From sums of countries to rows of a table: merged first, divided once. An average of averages is a wrong number."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from federation.coordinator.checks import ScoreName
from federation.reporting.rows import ALL, BETTER, PAIRED, WORSE, Point, Row
from federation.settings.plan import CHAMPION, Plan, is_noised
from tasks.evaluation import histograms
from tasks.evaluation.score import HistogramScore, Sums, estimates, merge
from tasks.places.facilities import country_of
from tasks.registry import TASKS
from tasks.settings import UNALIGNED
from tasks.task import Task

FEWEST, STEERED = 4, 1.5  # countries, and by what factor the region's loss differs without one of them
SEALED_COHORT = 24  # place-periods behind a row of a sealed run, at least


def rows(scores: Mapping[str, Mapping[ScoreName, Sums]], plan: Plan, region: str, part: str) -> list[Row]:
    """Rows of one part for every country, arm, score and horizon, then for the region.

    scores: country or facility -> (part, arm, score) -> sums. They are merged in alphabetical order, facilities first
    to their country.
    """
    return [
        row
        for place, arm, name, sums in _evaluated(scores, plan, region, part)
        for row in _rows(plan, part, place, arm, name, sums)
    ]


def curves(scores: Mapping[str, Mapping[ScoreName, Sums]], plan: Plan, region: str, part: str) -> list[Point]:
    """Reliability curves: a point for every bin of a histogram whose counts were not suppressed."""
    task = TASKS[plan.task.name]
    horizons = (*task.horizons(plan.task), ALL)
    return [
        Point(
            country=place,
            arm=arm,
            horizon=horizons[h],
            probability=float(sums["bin_forecast"][h, at] / sums["bin_count"][h, at]),
            frequency=float(sums["bin_events"][h, at] / sums["bin_count"][h, at]),
            n=int(sums["bin_count"][h, at]),
        )
        for place, arm, name, sums in _evaluated(scores, plan, region, part)
        if isinstance(task.scores[name], HistogramScore)
        for h, at in np.argwhere(sums["bin_count"] > 0)
    ]


def differences(scores: Mapping[str, Mapping[ScoreName, Sums]], plan: Plan) -> list[Row]:
    """Rows of the differences that countries reported with their test, arms such as 'adapted-local'."""
    return [
        row
        for country in sorted(scores)
        for (part, pair, name), sums in sorted(scores[country].items())
        if part == PAIRED
        for row in difference(plan, country, pair, name, sums)
    ]


def difference(plan: Plan, country: str, pair: str, name: str, sums: Sums) -> list[Row]:
    """A row a horizon of one difference and its interval; NaN where it was suppressed."""
    task = TASKS[plan.task.name]
    values = {key: np.where(sums["count"] > 0, sums[key], np.nan) for key in ("value", "low", "high")}
    return [
        Row(
            task=task.name,
            part=PAIRED,
            country=country,
            arm=pair,
            score=name,
            horizon=horizon,
            **{key: float(value[h]) for key, value in values.items()},
            n=int(sums["count"][h]),
        )
        for h, horizon in enumerate((*task.horizons(plan.task), ALL))
    ]


def rests_on_one(scores: Mapping[str, Mapping[ScoreName, Sums]], plan: Plan) -> str | None:
    """A sentence, if the region's headline in the test would be quite another without one of its countries.

    The region's row adds up what countries report; a forged count or sum moves it, and no other country's row.
    """
    headline, score = next(iter(TASKS[plan.task.name].scores.items()))
    name = ("test", "federated", headline)
    known = {country: own[name] for country, own in scores_by_country([scores]).items() if name in own}
    if len(known) < FEWEST:
        return None
    whole = float(score.estimate(merge(known.values())).value[-1])
    without = {
        country: float(score.estimate(merge(each for other, each in known.items() if other != country)).value[-1])
        for country in known
    }
    missing = 1.0 if score.better == "larger" else 0.0  # the loss of a skill is what is missing to 1
    ratios = {country: (value - missing) / (whole - missing) for country, value in without.items() if whole != missing}
    shifts = {country: abs(np.log(ratio)) if ratio > 0 else np.inf for country, ratio in ratios.items()}
    most = max(shifts, key=lambda country: shifts[country], default=None)
    if most is None or shifts[most] < np.log(STEERED):
        return None
    return f"its row rests on what {most} claims: without it, {headline} is {without[most]:.3f} instead of {whole:.3f}"


def _evaluated(
    scores: Mapping[str, Mapping[ScoreName, Sums]], plan: Plan, region: str, part: str
) -> Iterator[tuple[str, str, str, Sums]]:
    """(country, arm, score, sums) of every country, then of the region."""
    merged: dict[tuple[str, str], list[Sums]] = {}
    for country, clients in groupby(sorted(scores), key=country_of):
        of_country = _merged_scores([scores[client] for client in clients], part)
        for (arm, name), sums in sorted(of_country.items()):
            yield country, arm, name, sums
        for (arm, name), sums in _comparable_scores(of_country, TASKS[plan.task.name], plan.arms).items():
            merged.setdefault((arm, name), []).append(sums)
    for (arm, name), parts in merged.items():
        yield region, arm, name, merge(parts)


def scores_by_country(replies: Iterable[Mapping[str, Mapping[ScoreName, Sums]]]) -> dict[str, dict[ScoreName, Sums]]:
    """Sums of facilities, in the order they come, merged to their country's; ends of intervals do not add up."""
    merged: dict[str, dict[ScoreName, Sums]] = {}
    for scores in replies:
        for client in sorted(scores):
            own = merged.setdefault(country_of(client), {})
            for name, sums in scores[client].items():
                if name[0] == PAIRED:
                    continue
                own[name] = merge([own[name], sums]) if name in own else sums
    return merged


def _merged_scores(clients: Sequence[Mapping[ScoreName, Sums]], part: str) -> dict[tuple[str, str], Sums]:
    sums_by_name: dict[tuple[str, str], list[Sums]] = {}
    for scores in clients:
        for (of, arm, name), sums in scores.items():
            if of == part:
                sums_by_name.setdefault((arm, name), []).append(sums)
    return {name: parts[0] if len(parts) == 1 else merge(parts) for name, parts in sums_by_name.items()}


def _comparable_scores(
    of_country: Mapping[tuple[str, str], Sums], task: Task, learnt: Sequence[str]
) -> dict[tuple[str, str], Sums]:
    """The sums as they count for the region: of histograms, the same places in every arm that was learnt."""
    comparable = dict(sorted(of_country.items()))
    for score in (name for name, each in task.scores.items() if isinstance(each, HistogramScore)):
        arms = {arm: sums for (arm, name), sums in comparable.items() if name == score}
        comparable |= {(arm, score): sums for arm, sums in histograms.comparable(arms, learnt).items()}
    return comparable


def _rows(plan: Plan, part: str, country: str, arm: str, name: str, sums: Sums) -> list[Row]:
    task = TASKS[plan.task.name]
    score = task.scores[name]
    return [
        Row(
            task=task.name,
            part=UNALIGNED if plan.task.calendar.unaligned else part,
            country=country,
            arm=arm,
            score=score_name,
            horizon=horizon,
            value=float(estimated.value[h]),
            low=float(estimated.low[h]),
            high=float(estimated.high[h]),
            n=int(estimated.n[h]),
        )
        for score_name, estimate in estimates(name, score).items()
        for estimated in [estimate(sums)]
        for h, horizon in enumerate((*task.horizons(plan.task), ALL))
    ]


def regional_rows(scores: Mapping[ScoreName, Sums], plan: Plan, region: str, part: str) -> list[Row]:
    """Rows of the region alone, of a sealed run. scores: sums over its countries.

    Rows of fewer place-periods than SEALED_COHORT are NaN, and bins of histograms are merged as those of a country.
    What noise hides needs no such number.
    """
    fewest = 1 if is_noised(plan) else SEALED_COHORT
    task = TASKS[plan.task.name]
    rows: list[Row] = []
    for (of, arm, name), sums in sorted(scores.items()):
        if of == part:
            binned = isinstance(task.scores[name], HistogramScore)
            shown = histograms.coarse(sums, plan.task.cost_loss, SEALED_COHORT) if binned else sums
            kept = shown["count"] >= fewest
            shown = {key: np.where(kept, value.T, 0.0).T for key, value in shown.items()}
            rows += _rows(plan, part, region, arm, name, shown)
    return rows


def sealed_differences(rows: Sequence[Row], better: int, worse: int) -> list[Row]:
    """Of a sealed run that was compared with a champion: the difference of the region's scores, whose interval nobody
    knows, and how many countries find the model better and worse for certain. rows: of the test, the headline's first.
    """
    headline = next(iter(TASKS[rows[0].task].scores)) if rows else ""
    found = {row.arm: row for row in rows if (row.horizon, row.score) == (ALL, headline)}
    if not {"federated", CHAMPION} <= found.keys():
        return []
    value = found["federated"].value - found[CHAMPION].value
    row = replace(found["federated"], part=PAIRED, arm=f"federated-{CHAMPION}", value=value, low=np.nan, high=np.nan)
    counts = {BETTER: better, WORSE: worse}
    return [row, *(replace(row, score=name, value=float(count)) for name, count in counts.items())]
