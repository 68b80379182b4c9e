"""A country's own scores of a run's test, for its own eyes: they stay in its vault, whatever may leave it."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from federation.reporting.rows import ALL, PAIRED, Row
from federation.vault.gate import ScoreName
from federation.vault.own_models.differences import PART
from federation.vault.requests import Request
from federation.vault.sealed.store import SealStore
from tasks.evaluation.paired_difference import Blocks, paired_interval
from tasks.evaluation.score import Sums, estimates

NAME = "own results"
FEWEST_BLOCKS = 2  # of an interval that nobody else sees


@dataclass(frozen=True, kw_only=True)
class OwnResults:
    """task, title: of the run; "" where an earlier version kept neither. rows: differences of arms among them."""

    task: str
    title: str
    rows: tuple[Row, ...]


def keep(
    store: SealStore, request: Request, scores: Mapping[ScoreName, Sums], differences: Mapping[str, Blocks]
) -> None:
    """Of the test and what else was scored with it, and the differences of arms with their intervals."""
    horizons = (*request.task.horizons(request.plan.task), ALL)
    rows = [
        [part, arm, name, horizon, *(float(getattr(each, end)[h]) for end in ("value", "low", "high")), int(each.n[h])]
        for (part, arm, score), sums in sorted(scores.items())
        if part != PART
        for name, estimate in estimates(score, request.task.scores[score]).items()
        for each in [estimate(sums)]
        for h, horizon in enumerate(horizons)
        if isfinite(each.value[h])
    ]
    headline = next(iter(request.task.scores))
    rows += [
        [PAIRED, pair, headline, horizon, *(float(sums[end][h]) for end in ("value", "low", "high")), int(count)]
        for pair, blocks in sorted(differences.items())
        for sums in [paired_interval(blocks, FEWEST_BLOCKS)]
        for h, (horizon, count) in enumerate(zip(horizons, sums["count"], strict=True))
        if count
    ]
    cleaned = [[None if isinstance(each, float) and not isfinite(each) else each for each in row] for row in rows]
    title = request.task.title(request.plan.task)
    store.put(0, NAME, json.dumps({"task": request.task.name, "title": title, "rows": cleaned}).encode())


def runs(database: sqlite3.Connection) -> list[str]:
    """Runs that were tested here, by name."""
    return [run for (run,) in database.execute("SELECT DISTINCT run FROM seals WHERE name = ? ORDER BY run", (NAME,))]


def of_run(database: sqlite3.Connection, run: str, country: str) -> OwnResults | None:
    """Every score of a country in a run; None of a run that was not tested here."""
    query = "SELECT value FROM seals WHERE (name, run, country) = (?, ?, ?)"
    found = database.execute(query, (NAME, run, country)).fetchone()
    if found is None:
        return None
    kept: Any = json.loads(found[0])
    if isinstance(kept, list):  # of version 0.2.0, which kept no intervals either
        kept = {"task": "", "title": "", "rows": kept}
    rows = tuple(_row(kept["task"], country, *values) for values in kept["rows"])
    return OwnResults(task=kept["task"], title=kept["title"], rows=rows)


def _row(task: str, country: str, part: str, arm: str, score: str, horizon: str, value: float, *more: Any) -> Row:
    *ends, n = more
    low, high = (nan if end is None else float(end) for end in ends or (None, None))
    names = {"task": task, "country": country, "part": part, "arm": arm, "score": score, "horizon": horizon}
    return Row(**names, value=float(value), low=low, high=high, n=int(n))


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """A line a score and horizon, every arm's value in it."""
    table: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        table.setdefault((row.part, row.score, row.horizon), []).append(row)
    for (part, name, horizon), same in sorted(table.items()):
        arms = "  ".join(f"{row.arm} {row.value:.4g}" for row in same)
        yield f"{part:<16} {name:<24} {horizon:<10} {arms}  n {max(row.n for row in same):,}"
