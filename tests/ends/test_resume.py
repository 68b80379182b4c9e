"""Runs that are killed with SIGKILL at named moments and at any other, and resumed, equal one that never stopped."""

import os
import random
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from federation.vault.ledger import verify
from tests import forked
from tests.ends.killed import live

pytestmark = pytest.mark.long
NAME = "killed"
# Server and client of SCAFFOLD keep state, and the local arm keeps a model in every vault.
WORDS = (
    "simulate region.countries=[BRN,SGP,TLS] strategy=scaffold training=sgd rounds=6 keep_best=2"
    f" name={NAME} task.hidden=[8] tracking.patience=120 runs="
).split()
MOMENTS = ("ledger-commit", "before-rename", "after-rename", "before-flush", "after-flush", "sender", "seconds")
KILLS = 5
LEAST = 4  # of five; where a machine is fast, a run may end before the last moment comes


def chains(count: int, seed: int) -> list[list[tuple[str, float]]]:
    """Moments at which a run is killed, one after another: the first or second of its kind after each resume.

    `scripts/prove kills` sets many; the tests take two, in which every kind occurs.
    """
    draw = random.Random(seed)
    kinds = [kind for _ in range(count) for kind in draw.sample(MOMENTS, KILLS)]
    while count > 1 and set(MOMENTS) - set(kinds):
        kinds = [kind for _ in range(count) for kind in draw.sample(MOMENTS, KILLS)]
    moments = [(kind, draw.uniform(2, 4) if kind == "seconds" else draw.randint(1, 2)) for kind in kinds]
    return [moments[at : at + KILLS] for at in range(0, len(moments), KILLS)]


CHAINS = chains(int(os.environ.get("GOTONG_CHAINS", "1")), int(os.environ.get("GOTONG_SEED", "1")))


def gotong(moment: str, count: float, words: Sequence[str], where: Path) -> forked.Ended:
    return forked.run(where, words, partial(live, moment, count))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    done = gotong("never", 1, [*WORDS[:-1], "runs=runs"], folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "-".join(kind for kind, _ in chain))
def test_a_killed_and_resumed_run_equals_the_uninterrupted_one(
    chain: Sequence[tuple[str, float]], uninterrupted: Path, tmp_path: Path
) -> None:
    # The secret that fingerprints records is a country's own: both runs are of the same countries.
    shutil.copytree(uninterrupted / "runs" / "keys", tmp_path / "runs" / "keys")
    killed = 0
    for moment, count in chain:
        killed += gotong(moment, count, words_in(tmp_path), tmp_path).returncode == -9
    last = gotong("never", 1, words_in(tmp_path), tmp_path)
    assert last.returncode == 0, last.stderr
    assert killed >= LEAST, "the moments must come before the run ends"
    assert state_of(tmp_path) == state_of(uninterrupted)


def words_in(where: Path) -> list[str]:
    """Begin if there is no checkpoint yet, else resume."""
    folder = where / "runs" / NAME
    if (folder / "checkpoint.gotong").exists():
        return ["simulate", f"resume={NAME}"]
    shutil.rmtree(folder, ignore_errors=True)
    return [*WORDS[:-1], "runs=runs"]


def state_of(where: Path) -> Mapping[str, Any]:
    """All that a run leaves and that does not hold a time: weights, tables, memories, replies, ledger, history."""
    run = where / "runs" / NAME
    with sqlite3.connect(run / "vault.sqlite") as vaults:
        assert verify(vaults) > 0
        memory = vaults.execute("SELECT * FROM state ORDER BY country, round").fetchall()
        columns = "country, run, round, kind, digest, bytes, contents"
        ledger = vaults.execute(f"SELECT {columns} FROM ledger ORDER BY country, round, kind").fetchall()
    with sqlite3.connect(where / "runs" / "mlflow" / "mlflow.db") as store:
        history = store.execute(
            # What a run cost is measured and never the same twice; that it was recorded, once, must be.
            "SELECT coalesce(t.value, ''), m.key, m.step, "
            " iif(m.key LIKE 'cost/%' OR m.key LIKE 'system/%', 0.0, m.value) FROM metrics m"
            " LEFT JOIN tags t ON t.run_uuid = m.run_uuid AND t.key = 'gotong.country' ORDER BY 1, 2, 3, 4"
        ).fetchall()
        ends = store.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall()
    assert len(history) > 100
    return {
        "model": (run / "model.gotong").read_bytes(),
        "results": (run / "results.json").read_bytes(),
        "memory": memory,
        "ledger": ledger,
        "history": history,
        "ends": ends,
    }
