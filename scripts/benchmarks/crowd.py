"""scripts/bench crowd [nodes=20] [rounds=20] [out=FILE]: what a SuperLink, a coordinator's run and a node cost.

Synthetic small countries with a vault and a courier each, one coordinator, all on this machine over TLS. After every
round the memory of every process is read, pages that several share being divided among them. Rows: part (superlink,
gateway, executor, run, vault, courier), mib_early and mib_late (largest of its kind after round 5 and after the last),
cpu_seconds_per_round (mean of its kind). Fails if a round lost a country.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

import psutil

from tasks.places.countries import CODES
from tasks.registry import TASKS
from tests.deployment.loopback import Deployment

EARLY = 5  # the round after which memory must stay as it is
KINDS = {
    "flower-superlink": "superlink",
    "flower-superexec": "executor",
    "federation.deployment.coordinator.gateway": "gateway",
    "flwr-serverapp": "run",
    "federation.deployment.node.process.vault_process": "vault",
    "federation.deployment.node.courier": "courier",
}
Cost = dict[str, list[tuple[float, float]]]  # kind -> (MiB, CPU seconds) of each process


def main(words: Sequence[str]) -> None:
    """Measure, print, and write the rows."""
    chosen = dict(word.split("=", 1) for word in words)
    nodes, rounds = int(chosen.get("nodes", 20)), int(chosen.get("rounds", 20))
    with TemporaryDirectory(prefix="gotong-") as folder:
        deployment = Deployment(folder=Path(folder), countries=sorted(CODES)[:nodes], data=Path(folder) / "data")
        try:
            rows = list(_rows(*_measured(deployment, rounds)))
        finally:
            deployment.stop()
    for row in rows:
        print(json.dumps(row))
    if "out" in chosen:
        Path(chosen["out"]).write_text(json.dumps(rows, indent=1) + "\n")


def _measured(deployment: Deployment, rounds: int) -> tuple[list[Cost], list[float]]:
    """Costs after every round, and when it ended."""
    task = TASKS["health"]
    for country in deployment.countries:
        (deployment.data / country).mkdir(parents=True)
        task.synthesize(deployment.data / country, country, 1, task.settings())
    deployment.set_up()
    deployment.wait_for_all()
    all_of_them = f"{len(deployment.countries)} of {len(deployment.countries)}"
    words = (
        f"region.countries=[{','.join(deployment.countries)}]",
        f"rounds={rounds}",
        f"quorum={len(deployment.countries)}",
    )
    deployment.start(
        "submission", *deployment.submission(*words, "training.epochs=1", "arms=[federated]", "name=crowd")
    )
    costs, ends = [], []
    for round_ in range(1, rounds + 1):
        deployment.wait(f"round {round_}", lambda said=f"round {round_}/": said in deployment.log("submission"))  # type: ignore[misc]
        ends.append(time.monotonic())
        costs.append(_costs(deployment))
    if deployment.processes.pop("submission").wait(300) or deployment.log("submission").count(all_of_them) != rounds:
        raise SystemExit(f"a round lost a country:\n{deployment.log('submission')}")
    return costs, ends


def _costs(deployment: Deployment) -> Cost:
    costs: Cost = {}
    for process in (child for each in deployment.processes.values() for child in _family(each.pid)):
        try:
            line = " ".join(process.cmdline())
            kind = next((name for mark, name in KINDS.items() if mark in line), None)
            if kind is not None:
                spent = process.cpu_times()
                costs.setdefault(kind, []).append((process.memory_full_info().pss / 2**20, spent.user + spent.system))
        except psutil.NoSuchProcess:
            continue
    return costs


def _family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True) if psutil.pid_exists(pid) else []


def _rows(costs: Sequence[Cost], ends: Sequence[float]) -> Iterator[dict[str, str | int | float]]:
    yield {
        "part": "round",
        "rounds": len(ends),
        "seconds_per_round": round(median(b - a for a, b in pairwise(ends)), 2),
    }
    early, late = costs[min(EARLY, len(costs)) - 1], costs[-1]
    for kind in KINDS.values():
        spent = mean(cpu for _, cpu in late[kind]) - mean(cpu for _, cpu in costs[0].get(kind, [(0.0, 0.0)]))
        yield {
            "part": kind,
            "processes": len(late[kind]),
            "mib_early": round(max(size for size, _ in early[kind]), 1),
            "mib_late": round(max(size for size, _ in late[kind]), 1),
            "cpu_seconds_per_round": round(spent / max(len(costs) - 1, 1), 3),
        }


if __name__ == "__main__":
    main(sys.argv[1:])
