"""scripts/bench deployment [rounds=8] [stock_rounds=3] [out=FILE]: seconds a round, loopback, TLS, node keys.

Two countries with a courier and a vault each, then two of Flower's SuperNodes in Flower's own loop, one after the other
on one coordinator. The SuperNodes reach its SuperLink directly: the gateway passes couriers' calls only. Rows: loop
(gotong, stock), nodes, seconds_per_round (median).
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from federation.deployment import flower_cli
from federation.deployment.enrolment import create_keys
from tasks.registry import TASKS
from tests.deployment.loopback import Deployment

COUNTRIES = ("LAO", "VNM")
STOCK = Path(__file__).parent / "stock"


def main(words: Sequence[str]) -> None:
    """Measure both, print, and write the rows."""
    chosen = dict(word.split("=", 1) for word in words)
    rounds, stock_rounds = int(chosen.get("rounds", 8)), int(chosen.get("stock_rounds", 3))
    with TemporaryDirectory(prefix="gotong-") as folder:
        deployment = Deployment(folder=Path(folder), countries=COUNTRIES, data=Path(folder) / "data")
        try:
            rows = [
                {"loop": "gotong", "nodes": 2, "seconds_per_round": _gotong(deployment, rounds)},
                {"loop": "stock", "nodes": 2, "seconds_per_round": _stock(deployment, stock_rounds)},
            ]
        finally:
            deployment.stop()
    for row in rows:
        print(json.dumps(row))
    if "out" in chosen:
        Path(chosen["out"]).write_text(json.dumps(rows, indent=1) + "\n")


def _gotong(deployment: Deployment, rounds: int) -> float:
    task = TASKS["health"]
    for country in COUNTRIES:
        (deployment.data / country).mkdir(parents=True)
        task.synthesize(deployment.data / country, country, 1, task.settings())
    deployment.set_up()
    deployment.wait_for_all()
    words = (f"region.countries=[{','.join(COUNTRIES)}]", f"rounds={rounds}", "training.epochs=1", "arms=[federated]")
    deployment.submit(*words, "name=bench")
    database = sqlite3.connect(deployment.folder / COUNTRIES[0] / "vault" / "vault.sqlite")
    rows = database.execute("SELECT at FROM arrivals WHERE kind = 'train' ORDER BY number").fetchall()
    database.close()
    return _between([datetime.fromisoformat(at).timestamp() for (at,) in rows][1:])  # the first reads the records


def _stock(deployment: Deployment, rounds: int) -> float:
    for country in COUNTRIES:  # couriers poll too: a fair race has two nodes at a time
        deployment.processes.pop(country).terminate()
    environment = {**os.environ, **flower_cli.environment(deployment.home)}
    for index, country in enumerate(COUNTRIES):
        folder = deployment.folder / f"stock-{country}"
        (folder / "node.pub").parent.mkdir()
        (folder / "node.pub").write_text(create_keys(folder, country).public_key + "\n")
        flower_cli.register(deployment.home, folder / "node.pub")
        command = [
            *(flower_cli.program("flower-supernode"), "--superlink", f"127.0.0.1:{deployment.port + 1}"),
            *("--root-certificates", str(deployment.home / "ca.pem")),
            *("--auth-supernode-private-key", str(folder / "courier" / "node.key")),
            *("--host", "127.0.0.1", "--port", str(deployment.port + 2 + index)),
        ]
        log = (folder / "log").open("wb")
        deployment.processes[f"stock-{country}"] = subprocess.Popen(
            command, stdout=log, stderr=log, env={**environment, "FLWR_HOME": str(folder / "flower")}
        )
    out = deployment.folder / "stock.json"
    number = flower_cli.start(deployment.home, STOCK, {"out": str(out), "rounds": rounds})
    until = time.monotonic() + 120 + 40 * rounds
    while not flower_cli.status(deployment.home, number)[0].startswith("finished"):
        if time.monotonic() > until:
            raise TimeoutError(f"{rounds} stock rounds did not end")
        time.sleep(2)  # Flower sends no signal when a run ends; the rounds are timed in it, not here
    return _between(json.loads(out.read_text()))


def _between(times: Sequence[float]) -> float:
    return round(median(b - a for a, b in pairwise(times)), 2)


if __name__ == "__main__":
    main(sys.argv[1:])
