"""A run's folder into its report: the table of scores, what was tracked, and the curves of its warnings."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from federation.pages.run_costs import allotted, contributed, energy_of
from federation.pages.run_report import (
    NO_RECORDS,
    NOT_SCORED,
    REFUSED,
    SCORED,
    SEALED,
    WITHHELD,
    Curve,
    Gain,
    Place,
    RunReport,
    Score,
    finite,
    number_of,
)
from federation.pages.tracked import EXAMPLES, RECEIVED, SENT, TOOK_PART, Tracked, tracked
from federation.reporting.improvement import Improvement, improvements, unit
from federation.reporting.rows import ALL, PAIRED, RESULTS, VALIDATION, Better, Row, of_test, read_json
from federation.reporting.score_table import FEDERATED, LEARNT, LOCAL, PERFECT, headline_rows, is_region
from federation.settings.plan import PROTECTION
from federation.settings.plan import SEALED as SEALS
from federation.settings.schema import OPERATIONAL, STUDY
from federation.tracking import names_0_1
from federation.tracking.first_sight import BETTER, HEADLINE
from federation.tracking.run_info import COUNTRIES, EVENT, NAME_OF_REGION, TITLE, WEIGHTS, WITHHOLDS

CURVES = "reliability.csv"


def report_of(folder: Path) -> RunReport:
    """Of a finished run. Raises DataError without a table of results, OSError or TrackingError for damaged records."""
    rows, known = read_json(folder / RESULTS), tracked(folder)
    tags, params = known.tags[""], known.params
    task = params.get("task.name") or (rows[0].task if rows else "")
    old = names_0_1.HEADLINES.get(task, (rows[0].score if rows else "", "smaller"))
    score = tags.get(HEADLINE, old[0])
    better = cast(Better, tags.get(BETTER, old[1]))  # written by this program
    decides = params.get("purpose") == OPERATIONAL and not params.get("fold")
    tested = [row for row in rows if row.part == VALIDATION] if decides else of_test(rows)
    region, first, last = _region(rows, tags), *_years(params, decides=decides)
    paired = [] if decides else [row for row in rows if row.part == PAIRED]
    gained = improvements(tested, score, better, paired)
    energy = energy_of(known)
    places = allotted(_places(known, headline_rows(tested, score), gained), known, energy)
    event, horizon, reliability = _reliability(folder, region, tags)
    arms = _arms(headline_rows(tested, score), region, better)
    return RunReport(
        run=known.run,
        task=task,
        title=tags.get(TITLE, task),
        region=region,
        score=score,
        better=better,
        unit="percent" if unit(better) == "%" else "points",
        first=first,
        last=last,
        records="synthetic" if params.get("data") == "synthetic" else "given",
        protection=params.get("protection", "none"),
        strategy=params.get("strategy.name", ""),
        planned_rounds=number_of(params, "rounds"),
        seed=number_of(params, "seed"),
        version=tags.get("gotong.version", ""),
        code=tags.get("gotong.code", ""),
        whole=_place(known, region, headline_rows(tested, score), gained),
        countries=places,
        arms=arms,
        baselines=[each.arm for each in arms if each.arm not in LEARNT],
        learning=_learning(known, score, arms),
        event=event,
        horizon=horizon,
        reliability=reliability,
        weights=number_of(tags, WEIGHTS),
        seconds=known.last("", "cost/seconds") or 0.0,
        cpu_seconds=known.last("", "cost/cpu_seconds") or 0.0,
        energy=energy,
        credit_models=int(known.last("", "credit/models") or 0),
        credit_seconds=known.last("", "credit/seconds") or 0.0,
        purpose=params.get("purpose", STUDY),
        fold=params.get("fold", ""),
        settings=params,
    )


def _years(params: Mapping[str, str], *, decides: bool) -> tuple[str, str]:
    """After which period and until which the scores are; of a refit the end of what it learnt from, twice."""
    ends = [params.get(f"task.calendar.{cut}_until", "") for cut in ("train", "validate", "test")]
    if params.get("fold"):
        return ends[1], ends[1]
    return (ends[0], ends[1]) if decides else (ends[1], ends[2])


def _region(rows: Sequence[Row], tags: Mapping[str, str]) -> str:
    return tags.get(NAME_OF_REGION) or next((row.country for row in rows if is_region(row.country)), "")


def _places(known: Tracked, rows: Sequence[Row], gained: Mapping[str, Improvement]) -> list[Place]:
    """The countries that were to take part, in alphabetical order."""
    codes = sorted({*known.countries, *known.tags[""].get(COUNTRIES, "").split()})
    return [_place(known, code, rows, gained) for code in codes]


def _place(known: Tracked, code: str, rows: Sequence[Row], gained: Mapping[str, Improvement]) -> Place:
    own = {row.arm: row for row in rows if row.country == code}
    metrics, scores = known.metrics[code], {arm: finite(row.value) for arm, row in own.items()}
    part = metrics.get(TOOK_PART, {})
    state, why = _state(known, code, scores)
    better = gained.get(code)
    return Place(
        code=code,
        state=state,
        why=why,
        own=scores.get(LOCAL),
        together=scores.get(FEDERATED),
        gain=None if better is None else Gain(value=better.value, low=finite(better.low), high=finite(better.high)),
        n=max((row.n for row in own.values()), default=0),
        sent=int(sum(metrics.get(SENT, {}).values())),
        received=int(sum(metrics.get(RECEIVED, {}).values())),
        rounds=sum(value > 0 for value in part.values()),
        examples=int(max(metrics.get(EXAMPLES, {}).values(), default=0)),
        refused=sorted(step for step, value in part.items() if value == 0),
        epsilon=known.last(code, "privacy/epsilon"),
        contributed=contributed(known, code),
    )


def _state(known: Tracked, code: str, scores: Mapping[str, float | None]) -> tuple[str, str]:
    """Of a country's scores, and why they are not there. No records, withheld and refused are three things."""
    tags = known.tags[code]
    if not is_region(code) and code not in known.countries:
        return NO_RECORDS, ""
    if scores.get(FEDERATED) is not None:
        return SCORED, ""
    if "refused.test" in tags:
        return REFUSED, tags["refused.test"]
    if known.params.get("fold"):  # a refit: there is nothing that it could be scored on
        return NOT_SCORED, ""
    if not is_region(code) and SEALS in PROTECTION.get(known.params.get("protection", "none"), ()):
        return SEALED, ""
    return (WITHHELD if WITHHOLDS in tags else NOT_SCORED), ""


def _arms(rows: Iterable[Row], region: str, better: Better) -> list[Score]:
    """Of the region, the best first."""
    own = [row for row in rows if row.country == region and finite(row.value) is not None]
    own.sort(key=lambda row: -row.value if better == "larger" else row.value)
    return [Score(arm=row.arm, value=row.value, low=finite(row.low), high=finite(row.high)) for row in own]


def _learning(known: Tracked, score: str, arms: Sequence[Score]) -> list[Curve]:
    """Validation of the region by round: trained together, own models, and the best simple forecast."""
    simple = [each.arm for each in arms if each.arm not in LEARNT and each.arm != PERFECT][:1]
    curves = []
    for arm in (FEDERATED, LOCAL, *simple):
        values = known.metrics[""].get(f"validation/{score}/{arm}", {})
        points = sorted((step, value) for step, value in values.items() if finite(value) is not None)
        if len(points) > 1:
            curves.append(Curve(arm=arm, x=[float(step) for step, _ in points], y=[value for _, value in points]))
    return curves


def _reliability(folder: Path, region: str, tags: Mapping[str, str]) -> tuple[str, str, list[Curve]]:
    """The event, the first horizon, and the region's curves of it; nothing where the task warns of nothing."""
    path = folder / CURVES
    if not path.exists():
        return "", "", []
    with path.open(encoding="utf-8", newline="") as file:
        points: list[dict[str, Any]] = [row for row in csv.DictReader(file) if row["country"] == region]
    horizon = next((row["horizon"] for row in points if row["horizon"] != ALL), "")
    curves = []
    for arm in (FEDERATED, LOCAL):
        own = [row for row in points if (row["arm"], row["horizon"]) == (arm, horizon)]
        x, y = ([float(row[name]) for row in own] for name in ("probability", "frequency"))
        if own:
            curves.append(Curve(arm=arm, x=x, y=y, n=[int(row["n"]) for row in own]))
    return tags.get(EVENT, ""), horizon, curves
