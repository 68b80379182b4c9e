"""scripts/bench sealed [members=3,11,50] [weights=42000] [rounds=6] [deployed=true] [out=FILE]: costs of sealed rounds.

First, per country and round, in one process: CPU milliseconds (median of the rounds) to mask a frame, to sign a list
and reveal shares, and to open the sum of all frames; megabytes to and from a country; and the setup of a run of twelve
rounds. Then seconds a round of a deployment of three countries on the loopback, plain and sealed, one after the other
on the same coordinator and nodes (median).
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from federation.deployment.coordinator import members
from federation.seals.lists import next_list
from federation.seals.masks import little
from federation.seals.sums import Closing, opened
from federation.vault.identity import fingerprint
from tasks.registry import TASKS
from tests.deployment.loopback import Deployment
from tests.federation.seals.board import Board

T = TypeVar("T")
COUNTRIES = ("LAO", "THA", "VNM")
RUN_ROUNDS = 12  # of the run whose setup is measured


def main(words: Sequence[str]) -> None:
    """Measure, print, and write the rows."""
    chosen = dict(word.split("=", 1) for word in words)
    rounds, size = int(chosen.get("rounds", 6)), int(chosen.get("weights", 42_000))
    rows = [crypto(int(count), size, rounds) for count in chosen.get("members", "3,11,50").split(",")]
    if chosen.get("deployed", "true") == "true":
        rows.append(deployed(rounds))
    for row in rows:
        print(json.dumps(row))
    if "out" in chosen:
        Path(chosen["out"]).write_text(json.dumps(rows, indent=1) + "\n")


def crypto(count: int, size: int, rounds: int) -> dict[str, Any]:
    """Of so many members and words."""
    began, board = time.process_time(), Board(count=count, rounds=RUN_ROUNDS)
    setup = board.setup
    milliseconds: dict[str, list[float]] = {"mask": [], "reveal": [], "open": []}
    sent_up = sum(map(len, (board.announced["C00"], board.dealt["C00"][0], *board.dealt["C00"][1].values())))
    setup_ms = 1000 * (time.process_time() - began) / count
    rng = np.random.default_rng(1)
    up = down = 0
    for _ in range(rounds):
        words = {country: rng.integers(0, 2**32, size, dtype=np.uint32) for country in board.keys}
        sent = timed(milliseconds["mask"], count, partial(board.frames, words))
        listed = next_list(board.setup.groups, sent)
        frames = {country: sent[country][0] for country in listed}
        reveals = timed(milliseconds["reveal"], count, partial(reveal_all, board, frames))
        closing = Closing(frames=frames, words={c: sent[c][1] for c in listed}, reveals=reveals)
        timed(milliseconds["open"], 1, partial(opened, setup, board.at, closing))
        post, masked = sent["C00"]
        up = len(post) + len(little(masked)) + len(reveals["C00"])
        posts = [*frames.values(), *reveals.values()]
        others = sum(4 * len(each) for country, each in closing.words.items() if country != "C00")
        down = sum(map(len, [*posts, *frames.values()])) + others
        board.at = board.after()
    return {
        "members": count,
        "threshold": board.terms.threshold,
        "words": size,
        **{f"{what}_ms": round(median(each), 2) for what, each in milliseconds.items()},
        "up_MB": round(up / 1e6, 2),
        "down_MB": round(down / 1e6, 2),
        "setup_ms": round(setup_ms, 1),
        "setup_up_kB": round(sent_up / 1e3, 1),
    }


def reveal_all(board: Board, frames: Mapping[str, bytes]) -> dict[str, bytes]:
    """Of all members."""
    return {country: member.reveal(board.setup, board.at, frames) for country, member in board.members.items()}


def timed(into: list[float], parts: int, job: Callable[[], T]) -> T:
    """The job's result; CPU milliseconds of one of its parts are noted."""
    began = time.process_time()
    result = job()
    into.append(1000 * (time.process_time() - began) / parts)
    return result


def deployed(rounds: int) -> dict[str, Any]:
    """Seconds a round between processes."""
    task = TASKS["health"]
    with TemporaryDirectory(prefix="gotong-") as folder:
        deployment = Deployment(folder=Path(folder), countries=COUNTRIES, data=Path(folder) / "data")
        try:
            for country in COUNTRIES:
                (deployment.data / country).mkdir(parents=True)
                task.synthesize(deployment.data / country, country, 1, task.settings())
            deployment.set_up()
            deployment.wait_for_all()
            accept_all(deployment)
            words = (
                f"region.countries=[{','.join(COUNTRIES)}]",
                f"rounds={rounds}",
                "training.epochs=1",
                "arms=[federated]",
            )
            deployment.submit(*words, "strategy=fedavg", "name=plain")
            deployment.submit(*words, "protection=sealed", "name=sealed")
            plain, sealed = (
                between(deployment, run, kind) for run, kind in (("plain", "train"), ("sealed", "sealed_round"))
            )
        finally:
            deployment.stop()
    return {"deployed": len(COUNTRIES), "plain_s": plain, "sealed_s": sealed}


def accept_all(deployment: Deployment) -> None:
    """Every operator accepts the others' keys."""
    known = members.members(deployment.home)
    for country in COUNTRIES:
        for member in set(COUNTRIES) - {country}:
            key = fingerprint(known[member].verifying_key().public_bytes_raw())
            policy = deployment.data / country / "policy.toml"
            deployment.gotong("node", "roster", "accept", f"country={member}", f"fingerprint={key}", f"policy={policy}")


def between(deployment: Deployment, run: str, kind: str) -> float:
    """Median of the seconds between requests of this kind; before the second, records are read."""
    with closing(sqlite3.connect(deployment.folder / COUNTRIES[0] / "vault" / "vault.sqlite")) as database:
        query = "SELECT at FROM arrivals WHERE kind = ? AND run = ? ORDER BY number"
        moments = [datetime.fromisoformat(at).timestamp() for (at,) in database.execute(query, (kind, run))]
    return round(median(later - earlier for earlier, later in pairwise(moments[1:])), 2)


if __name__ == "__main__":
    main(sys.argv[1:])
