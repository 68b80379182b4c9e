"""A cycle that ends itself with SIGKILL at its nth step towards the disk, and what it leaves, without times."""

import json
import os
import signal
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from federation.cli import main
from federation.cycle import record
from federation.issuing.archive import issues
from federation.issuing.champion_file import read
from federation.settings.parts import TrackingSettings
from federation.tracking import registry
from federation.tracking.store import connect
from federation.vault.ledger import verify

REGISTRY = (
    *("create_registered_model", "create_model_version", "set_model_version_tag"),
    *("set_registered_model_alias", "delete_registered_model_alias"),
)
STATED = ("region", "task", "run", "version", "model", "keep", "kind", "reason", "rolled_back")  # without times


def live(kill: int, count: str, words: Sequence[str]) -> None:
    """`gotong WORDS`, until the kill-th change on the disk is about to be made, or was made; -1: to its end.

    count: the file for the number of moments there were.
    """
    moments = 0

    def tick() -> None:
        nonlocal moments
        if moments == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        moments += 1

    _around(os, "replace", tick)
    _around(Path, "rename", tick)
    _at_commits(tick)
    from mlflow import MlflowClient

    for name in REGISTRY:
        _around(MlflowClient, name, tick)
    main(words)
    Path(count).write_text(str(moments))


def _around(owner: Any, name: str, tick: Callable[[], None]) -> None:
    act = getattr(owner, name)

    def watched(*args: Any, **kwargs: Any) -> Any:
        tick()
        result = act(*args, **kwargs)
        tick()
        return result

    setattr(owner, name, watched)


def _at_commits(tick: Callable[[], None]) -> None:
    """Everything of a round is written into the transaction of the vaults; the COMMIT never comes."""
    from federation.runs import simulation
    from federation.vault import database

    opened = database.open_database

    def traced(*args: Any) -> sqlite3.Connection:
        connection = opened(*args)
        connection.set_trace_callback(lambda statement: tick() if statement == "COMMIT" else None)
        return connection

    vars(simulation)["open_database"] = traced


def left_by(where: Path, task: str, region: str = "ASEAN") -> Mapping[str, Any]:
    """All that a cycle leaves and that holds no time of a clock."""
    runs = where / "runs"
    [cycle] = record.read_all(record.folder_of(runs, region, task))
    stated = read(runs / "champions" / f"{region}-{task}.champion").champion
    store = connect(TrackingSettings(), runs)
    name = registry.model_name(region, task)
    return {
        "step": cycle.step,
        "results": {each: _portable(step.result, where) for each, step in cycle.steps.items()},
        "models": {path.parent.name: path.read_bytes() for path in sorted(runs.glob("*/model.gotong"))},
        "tables": {path.parent.name: path.read_bytes() for path in sorted(runs.glob("*/results.json"))},
        "ledgers": {path.parent.name: _ledger(path) for path in sorted(runs.glob("*/vault.sqlite"))},
        "versions": [
            (each.number, each.run, each.tags[registry.REASON], each.tags[registry.TABLE])
            for each in registry.versions(store, name)
        ],
        "aliases": {alias: each.number for alias, each in registry.holders(store, name).items()},
        "ends": _ends(runs),
        "champion": {key: getattr(stated, key) for key in STATED},
        "issues": {path.name: [_issue(each) for each in issues(path)] for path in sorted((runs / "nodes").iterdir())},
    }


def _portable(result: Mapping[str, Any], where: Path) -> Any:
    return json.loads(json.dumps(result).replace(str(where), ""))


def _ledger(path: Path) -> list[Any]:
    with sqlite3.connect(path) as vaults:
        assert verify(vaults) > 0
        columns = "country, run, round, kind, digest, bytes, contents"
        return vaults.execute(f"SELECT {columns} FROM ledger ORDER BY country, run, round, kind").fetchall()


def _ends(runs: Path) -> list[Any]:
    """How many runs MLflow has, and how they ended: none twice, none open."""
    with sqlite3.connect(runs / "mlflow" / "mlflow.db") as store:
        return store.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall()


def _issue(issue: Any) -> Any:
    content = issue.content
    return issue.name, content.run, content.arm, content.forecast, dict(content.records), dict(content.products)
