"""A country's own report of a run, from its vault's file: its scores, sealed ones too, and what left it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from federation.pages.home_report import HomeReport, Left, OwnScore
from federation.pages.run_report import SCORED, Gain, Place, RunReport, finite
from federation.reporting.improvement import Improvement, improvements, unit
from federation.reporting.rows import ALL, PAIRED, Better, Row, of_test
from federation.reporting.score_table import FEDERATED, LOCAL
from federation.vault import ledger, own_results
from federation.vault.own_results import OwnResults
from tasks.registry import TASKS

FIRST = (FEDERATED, LOCAL)  # columns of the table; then all others in the order of the first score


def home_report(database: sqlite3.Connection, country: str, run: str, region: RunReport | None) -> HomeReport | None:
    """None for a run that was not tested here. region: as the coordinator reports the run."""
    own = own_results.of_run(database, run, country)
    if own is None:
        return None
    score, better = _headline(own)
    rows = [row for row in of_test(own.rows) if row.horizon == ALL and row.part == "test"]
    paired = [row for row in own.rows if row.part == PAIRED]
    gain = _gain(improvements(rows, score, better, paired).get(country))
    arms = [arm for arm in dict.fromkeys((*FIRST, *(row.arm for row in rows))) if any(row.arm == arm for row in rows)]
    left, refused = _left(database, country, run)
    return HomeReport(
        country=country,
        run=run,
        title=own.title or own.task,
        score=score,
        better=better,
        unit="percent" if unit(better) == "%" else "points",
        gain=gain,
        scores=[_score(row) for row in sorted(rows, key=lambda row: (row.score != score, row.score))],
        left=left,
        refused=refused,
        region=None if region is None else _with_own(region, country, rows, score, gain),
        arms=arms,
    )


def _headline(own: OwnResults) -> tuple[str, Better]:
    """The task's first score, and which way is better; an earlier version kept no name of a task."""
    names = {row.score for row in own.rows}
    task = TASKS.get(own.task) or next(each for each in TASKS.values() if next(iter(each.scores)) in names)
    name, score = next(iter(task.scores.items()))
    return name, score.better


def _gain(better: Improvement | None) -> Gain | None:
    return None if better is None else Gain(value=better.value, low=finite(better.low), high=finite(better.high))


def _score(row: Row) -> OwnScore:
    ends = finite(row.low), finite(row.high)
    return OwnScore(score=row.score, arm=row.arm, value=row.value, low=ends[0], high=ends[1], n=row.n)


def _left(database: sqlite3.Connection, country: str, run: str) -> tuple[list[Left], int]:
    """By kind of message, the first that left first; and how many requests were refused."""
    by_kind: dict[str, list[int]] = {}
    for entry in ledger.entries(database, run):
        if entry.country == country:
            by_kind.setdefault(entry.kind, []).append(entry.bytes)
    left = [Left(kind=kind, messages=len(sizes), bytes=sum(sizes)) for kind, sizes in by_kind.items()]
    return left, len(by_kind.get("refused", ()))


def _with_own(region: RunReport, country: str, rows: Sequence[Row], score: str, gain: Gain | None) -> RunReport:
    """The region's report with the country's own scores in the place of what its coordinator knows."""
    own = {row.arm: row for row in rows if row.score == score}
    known = next((place for place in region.countries if place.code == country), Place(code=country, state=SCORED))
    filled = replace(
        known,
        state=SCORED,
        own=own[LOCAL].value if LOCAL in own else None,
        together=own[FEDERATED].value if FEDERATED in own else None,
        gain=gain,
        n=max((row.n for row in own.values()), default=0),
    )
    others = [place for place in region.countries if place.code != country]
    return replace(region, countries=sorted([*others, filled], key=lambda place: place.code))
