"""The committed sweep of three tasks, four strategies and two seeds: killed twice, gone on with, compared."""

import json
import time
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from federation.cli import main
from federation.reporting.rows import ALL
from tasks.registry import TASKS
from tests import forked
from tests.whole import IN_FULL

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not IN_FULL, reason="killed runs are a long test, and sweeps one of every run: scripts/prove ends"
    ),
]
SMALL = ["region.countries=[KHM,TLS]", "rounds=2", "arms=[federated]", "training.epochs=1", "tracking=none"]
WORDS = ["simulate", "experiment=strategies", *SMALL]
RUNS = 24
KILLS = (3, 9)  # finished runs after which the sweep is killed, in the middle of the next


def results(folder: Path) -> list[Path]:
    return sorted(folder.glob("runs/*/results.json"))


def killed(folder: Path, after: int) -> None:
    """The sweep until `after` of its runs are finished and the next one has begun, then SIGKILL."""
    output = folder / "output"
    sweep = forked.start(folder, output, output, main, WORDS)
    try:
        while sweep.is_alive() and not (output.exists() and f"\n[{after + 1}/{RUNS}]" in output.read_text()):
            time.sleep(0.02)  # nothing to wait on but what it says
        assert sweep.is_alive(), output.read_text()
    finally:
        sweep.kill()
        sweep.join()


def gotong(folder: Path, words: Sequence[str]) -> str:
    done = forked.run(folder, words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(600)
def test_a_sweep_killed_twice_goes_on_and_is_compared_rightly(tmp_path: Path) -> None:
    for after in KILLS:
        killed(tmp_path, after)
    kept = {path: path.stat().st_mtime_ns for path in results(tmp_path)}
    assert KILLS[-1] <= len(kept) <= KILLS[-1] + 1
    printed = gotong(tmp_path, WORDS)
    assert f"sweep strategies: {RUNS} runs, {len(kept)} of them finished before" in printed
    assert printed.count(": finished before\n") == len(kept)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "a finished run was done again"
    assert len(results(tmp_path)) == RUNS
    assert not list(tmp_path.glob("**/multirun.yaml"))
    assert printed.endswith(f"sweep strategies: all {RUNS} runs are finished; see them with gotong compare\n")
    sheet = gotong(tmp_path, ["compare", "out=compared.json"])
    rows = json.loads((tmp_path / "compared.json").read_text())
    right(rows, {path.parent.name: json.loads(path.read_text()) for path in results(tmp_path)})
    assert [task for task in ("health", "disaster", "agriculture") if task not in sheet] == []


def seed_of(run: str) -> str:
    """Of synthetic records: runs of another seed are scored on others."""
    return next(word for word in run.split("_") if word.startswith("seed-"))


def right(compared: list[dict[str, Any]], tables: dict[str, list[dict[str, Any]]]) -> None:
    """The rows are those of the runs' own tables, and the winners those that anyone would find in them."""
    expected = {
        (run, row["country"]): row
        for run, table in tables.items()
        for row in table
        if (row["arm"], row["horizon"]) == ("federated", ALL) and row["score"] == next(iter(TASKS[row["task"]].scores))
    }
    rows = {(row["run"], row["country"]): row for row in compared}
    assert rows.keys() == expected.keys()
    for key, row in rows.items():
        assert {name: row[name] for name in expected[key]} == expected[key]
        rivals = [
            other["value"]
            for (run, country), other in expected.items()
            if (country, other["task"], seed_of(run)) == (key[1], row["task"], seed_of(key[0]))
            and run != key[0]
            and other["value"] is not None
        ]
        better = TASKS[row["task"]].scores[row["score"]].better
        value = row["value"]
        wins = value is not None and isfinite(value)
        wins = wins and all(value < other if better == "smaller" else value > other for other in rivals)
        assert row["wins"] == wins, key
    assert sum(row["wins"] for row in compared) >= len(TASKS), "somebody wins somewhere in every task"
