"""A coordinator that turned hostile, against a country's node, everybody as another user. Needs root."""

import json
import os
import pwd
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from federation.deployment import flower_cli
from federation.deployment.coordinator import members
from federation.vault import ledger
from federation.wire.frame import decode, digest
from federation.wire.signature import frame_of
from tasks.registry import TASKS
from tests.deployment.loopback import Deployment
from tests.deployment.signing import Signer
from tests.deployment.test_hostile import crafted, first_request
from tests.deployment.users import reachable

HEALTH = TASKS["health"]
COUNTRY = "KHM"
COORDINATOR, VAULT, COURIER = "bin", "daemon", "nobody"
INTRUDER = Path(__file__).parent / "intruder"
POLICY = 'tasks = ["health"]\nmaximum_rounds = 8\nmaximum_epochs = 3\n'


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with TemporaryDirectory(prefix="gotong-") as folder:
        base = Path(folder)
        base.chmod(0o711)
        loopback = Deployment(folder=base, countries=[COUNTRY], data=base / "data", prefix=reachable(base))
        try:
            yield loopback
        finally:
            loopback.stop()


@pytest.mark.timeout(600)  # many processes, and other tests at the same time
def test_nobody_obtains_what_the_policy_does_not_release_to_the_coordinator(deployment: Deployment) -> None:
    signer = _set_up(deployment)
    honest = first_request(deployment.folder)
    frames = [honest, honest, *(frame for frame in crafted(honest).values() if frame)]
    replies = _replies(deployment, [signer.request(frame) for frame in frames])
    kinds = Counter(decode(frame_of(bytes.fromhex(each["reply"]))).kind for each in replies)
    assert kinds == {"update": 2, "refused": len(frames) - 2}  # the honest one again is the same reply again
    with closing(sqlite3.connect(deployment.folder / COUNTRY / "vault" / "vault.sqlite")) as database:
        arrived = database.execute("SELECT digest FROM arrivals").fetchall()
        assert Counter(name for (name,) in arrived) == Counter(digest(frame) for frame in frames)
        ledger.verify(database)
        assert [(entry.round, entry.kind) for entry in ledger.entries(database)] == [(1, "update")]
    assert not list(
        (deployment.folder / COUNTRY).rglob("intruder_app")
    )  # what the coordinator shipped was never fetched


def _set_up(deployment: Deployment) -> Signer:
    deployment.make_keys()
    signer = Signer(deployment.home, deployment.folder / COUNTRY / "vault", COUNTRY)
    data = deployment.data / COUNTRY
    data.mkdir(parents=True)
    HEALTH.synthesize(data, COUNTRY, 3, HEALTH.settings())
    (data / "policy.toml").write_text(POLICY)
    deployment.enrol(COUNTRY)
    _give(data, VAULT)
    _give(deployment.home, COORDINATOR)
    words = ("coordinator", f"home={deployment.home}", f"port={deployment.port}", "host=127.0.0.1")
    deployment.start("coordinator", *words, user=COORDINATOR)
    deployment.start_node(COUNTRY, f"vault_user={VAULT}", f"courier_user={COURIER}")
    deployment.wait_for_all()
    return signer


def _give(folder: Path, user: str) -> None:
    owner = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o700)


def _replies(deployment: Deployment, frames: list[bytes]) -> list[dict[str, Any]]:
    """All that the run obtained, as its own program on the coordinator wrote it down."""
    [(node, _)] = members.nodes(deployment.home).values()
    scratch = deployment.folder / "replies"
    scratch.mkdir()
    (scratch / "orders.json").write_text(json.dumps({"node": node, "frames": [frame.hex() for frame in frames]}))
    _give(scratch, COORDINATOR)
    path = scratch / "replies.json"
    flower_cli.start(deployment.home, INTRUDER, {"orders": str(scratch / "orders.json"), "replies": str(path)})
    deployment.wait("the run's end", path.exists)
    replies: list[dict[str, Any]] = json.loads(path.read_text())
    return replies
