"""A country's own scores of a sealed run, for its own eyes: they stay in its vault."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from federation.seals.layout import ScoreName
from federation.vault.own_models.differences import PART
from federation.vault.requests import Request
from federation.vault.sealed.store import SealStore
from tasks.evaluation.scores import Sums, estimates

NAME = "own results"
ALL = "all"


def keep(store: SealStore, request: Request, scores: Mapping[ScoreName, Sums]) -> None:
    """Of the test and what else was scored with it."""
    horizons = (*request.task.horizons(request.plan.task), ALL)
    rows = [
        [part, arm, name, horizon, float(estimated.value[h]), int(estimated.n[h])]
        for (part, arm, score), sums in sorted(scores.items())
        if part != PART
        for name, estimate in estimates(score, request.task.scores[score]).items()
        for estimated in [estimate(sums)]
        for h, horizon in enumerate(horizons)
        if isfinite(estimated.value[h])
    ]
    store.put(0, NAME, json.dumps(rows).encode())


def runs(database: sqlite3.Connection) -> list[str]:
    """Sealed runs that were tested here, by name."""
    return [run for (run,) in database.execute("SELECT DISTINCT run FROM seals WHERE name = ? ORDER BY run", (NAME,))]


def lines(database: sqlite3.Connection, run: str) -> Iterator[str]:
    """A line a score and horizon, every arm's value in it."""
    for (value,) in database.execute("SELECT value FROM seals WHERE name = ? AND run = ?", (NAME, run)):
        table: dict[tuple[str, ...], list[Any]] = {}
        for part, arm, name, horizon, number, n in json.loads(value):
            table.setdefault((part, name, horizon), []).append((arm, number, n))
        for (part, name, horizon), row in sorted(table.items()):
            arms = "  ".join(f"{arm} {number:.4g}" for arm, number, _ in row)
            yield f"{part:<16} {name:<24} {horizon:<10} {arms}  n {max(n for *_, n in row):,}"
