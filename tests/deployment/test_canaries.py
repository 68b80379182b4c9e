"""Nothing of the records stands in what leaves a deployed run; with the gate broken on purpose, the search sees it."""

import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from federation.deployment.node.settings import SOCKET
from tasks.registry import TASKS
from tests.deployment.canaries import CASES, PLACE, canaries_in, files_of, plant
from tests.deployment.interceptor import Interceptor
from tests.deployment.loopback import Deployment
from tests.whole import IN_FULL

HEALTH = TASKS["health"]
COUNTRIES, WATCHED = ("KHM", "LAO"), "LAO"
RUN = ("region.countries=[KHM,LAO]", "task.hidden=[8]", "rounds=2", "arms=[federated,local,adapted]")
# A gate that lets anything pass, and a reply with the observed cases in it; loaded by every process of the deployment.
BROKEN = """
import builtins, sys
real = builtins.__import__
def load(name, *rest, **more):
    module = real(name, *rest, **more)
    gate, outgoing = (sys.modules.get(f"federation.vault.{each}") for each in ("gate", "outgoing"))
    if gate is not None and hasattr(gate, "release") and hasattr(outgoing, "outgoing") and not hasattr(gate, "broken"):
        gate.broken, honest = True, outgoing.outgoing
        def leaking(request, records, federated, scores):
            reply = honest(request, records, federated, scores)
            reply.arrays["update/leak"] = records.windows["train"].observed.astype("float32")
            return reply
        outgoing.outgoing = leaking
        gate._allowed = lambda name, value, contract: value
    return module
builtins.__import__ = load
"""
VIEWS = {
    "text": f"{PLACE}".encode(),
    "a number in JSON": json.dumps({"n": CASES[2]}).encode(),
    "an array": np.array([1.0, *CASES], np.float32).tobytes(),
    "of doubles": np.log1p(np.array(CASES, np.float64)).tobytes(),
    "upper halves": (np.array(CASES, np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes(),
    "gzip in the middle": b"head" + gzip.compress(f"x,{CASES[0]},y".encode()) + b"tail",
    "zlib": zlib.compress(PLACE.encode()),
}


@pytest.mark.parametrize("data", VIEWS.values(), ids=VIEWS)
def test_the_search_sees_a_canary(data: bytes) -> None:
    assert canaries_in(data)
    assert not canaries_in(b"other bytes, 123,456 and 7890")


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    for country in COUNTRIES:
        folder = tmp_path / "data" / country
        folder.mkdir(parents=True)
        HEALTH.synthesize(folder, country, 3, HEALTH.settings())
    plant(tmp_path / "data" / WATCHED / HEALTH.file)
    loopback = Deployment(folder=tmp_path, countries=COUNTRIES, data=tmp_path / "data", parts=True)
    try:
        yield loopback
    finally:
        loopback.stop()


def _line(home: Path) -> Interceptor:
    return Interceptor(home / "outer" / SOCKET, home / "inner" / SOCKET, arrived=lambda: 0, freeze=lambda: None)


def _left(deployment: Deployment, *runs: str, code: int = 0) -> dict[str, set[str]]:
    """Canaries by where they stand, in all that left the country in runs of these transports, one after another: its
    replies, and the coordinator's files."""
    lines = {country: _line(deployment.folder / country) for country in COUNTRIES}
    try:
        deployment.set_up()
        deployment.wait_for_all()
        for transport in runs:
            deployment.submit(*RUN, f"name={transport}", f"transport={transport}", code=code)
    finally:
        for line in lines.values():
            line.close()
    replies = lines[WATCHED].replies
    assert len(replies) >= len(runs) * (2 if code else 4)  # terms, two rounds, the test
    places = {f"reply {number}": reply for number, reply in enumerate(replies)}
    for folder in (deployment.home, deployment.folder / "runs", deployment.folder / WATCHED / "courier"):
        places |= {str(path): data for path, data in files_of(folder)}
    return {place: canaries for place, data in places.items() if (canaries := canaries_in(data))}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_no_canary_leaves_a_deployed_run(deployment: Deployment) -> None:
    assert _left(deployment, "float32", "int8") == {}
    with closing(sqlite3.connect(deployment.folder / WATCHED / "vault" / "vault.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM ledger").fetchone()[0] >= 3


@pytest.mark.long
@pytest.mark.skipif(
    not IN_FULL, reason="that the search sees a canary is a test of every run; over a deployment: scripts/prove ends"
)
@pytest.mark.timeout(600)
def test_with_a_broken_gate_they_are_found(deployment: Deployment) -> None:
    (deployment.folder / "broken").mkdir()
    (deployment.folder / "broken" / "sitecustomize.py").write_text(BROKEN)
    deployment.prefix = ["env", f"PYTHONPATH={deployment.folder / 'broken'}"]
    found = _left(deployment, "float32", code=1)  # the coordinator refuses what it did not request, and has it
    assert any(place.startswith("reply") for place in found)
