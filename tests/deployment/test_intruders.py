"""A coordinator that turned, and the bundle that it ships, against three nodes, everybody as another user.

KHM runs a courier, LAO a stock SuperNode without the guard, VNM one with it. Needs root.
"""

import json
import os
import pwd
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from federation.deployment import flower_cli
from federation.deployment.coordinator import members
from federation.deployment.coordinator.submit import BUNDLE
from federation.deployment.node.layout import SOCKET
from federation.vault import ledger
from federation.wire.frame import decode, digest
from tasks.registry import TASKS
from tests.deployment.place import Place, free_port
from tests.deployment.test_hostile import crafted, first_request
from tests.deployment.users import become, reachable

HEALTH = TASKS["health"]
COUNTRIES = ("KHM", "LAO", "VNM")
COORDINATOR, VAULT, COURIER = "bin", "daemon", "nobody"
INTRUDER = Path(__file__).parent / "intruder"
POLICY = 'tasks = ["health"]\nmaximum_rounds = 8\nmaximum_epochs = 3\n'


@pytest.fixture
def place() -> Iterator[Place]:
    with TemporaryDirectory(prefix="gotong-") as folder:
        base = Path(folder)
        base.chmod(0o711)
        found = Place(folder=base, countries=COUNTRIES, data=base / "data", prefix=reachable(base))
        try:
            yield found
        finally:
            found.stop()


@pytest.mark.timeout(600)  # many processes, and other tests beside them
def test_nobody_obtains_what_the_policy_does_not_release_to_the_coordinator(place: Place) -> None:
    _set_up(place)
    honest = first_request(place.folder)
    more = {"honest": honest, "again": honest, **crafted(honest)}
    nodes = {country: str(node) for country, (node, _) in members.nodes(place.home).items()}
    orders = {
        nodes["KHM"]: [[frame.hex()] for frame in more.values() if frame],
        nodes["LAO"]: [[honest.hex(), *(frame.hex() for frame in more.values())]],
        nodes["VNM"]: [[honest.hex()]],
    }
    told = _told(place, orders)
    by_country = {country: [each for each in told if each["node"] == node] for country, node in nodes.items()}
    _the_courier_carried_all_and_the_vault_released_the_honest_one(place, by_country["KHM"], more)
    _the_bundle_found_nothing(place, json.loads(bytes.fromhex(by_country["LAO"][0]["reply"])), more)
    _the_guard_let_no_bundle_in(place, by_country["VNM"])


def _set_up(place: Place) -> None:
    place.make_keys()
    for country in COUNTRIES:
        data = place.data / country
        data.mkdir(parents=True)
        HEALTH.synthesize(data, country, 3, HEALTH.settings())
        listed = f'bundles = ["{flower_cli.digest_of(BUNDLE)}"]\n' if country == "VNM" else ""
        (data / "policy.toml").write_text(POLICY + listed)
        place.enrol(country)
        _give(data, VAULT)
    _give(place.home, COORDINATOR)
    words = ("coordinator", f"home={place.home}", f"port={place.port}", "host=127.0.0.1")
    place.start("coordinator", *words, user=COORDINATOR)
    users = (f"vault_user={VAULT}", f"courier_user={COURIER}")
    place.start_node("KHM", *users)
    for country in ("LAO", "VNM"):
        place.start_node(country, "part=vault", *users)
    place.wait("enrolment", lambda: set(members.nodes(place.home)) == set(COUNTRIES))
    for country in COUNTRIES:
        place.wait(f"{country}'s vault", lambda country=country: " serves " in place.log(country))  # type: ignore[misc]
    home = place.folder / "VNM"
    supernode = (f"coordinator=127.0.0.1:{place.port}", f"inner={free_port()}")
    place.start("guarded", "node", "country=VNM", f"home={home}", "part=supernode", *users, *supernode)
    _start_without_guard(place, "LAO")
    place.wait("all nodes", lambda: list(flower_cli.states(place.home).values()) == ["online"] * 3)


def _give(folder: Path, user: str) -> None:
    owner = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o700)


def _start_without_guard(place: Place, country: str) -> None:
    """As somebody would by hand: Flower's SuperNode, as the courier's user."""
    home = place.folder / country
    command = [
        *(*place.prefix, *become(COURIER), flower_cli.program("flower-supernode")),
        *("--superlink", f"127.0.0.1:{place.port}", "--root-certificates", str(home / "ca.pem")),
        *("--auth-supernode-private-key", str(home / "courier" / "node.key")),
        *("--host", "127.0.0.1", "--port", str(free_port())),
    ]
    environment = {
        **os.environ,
        **flower_cli.QUIET,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "FLWR_HOME": str(home / "courier" / "flower"),
        "GOTONG_VAULT_SOCKET": str(home / "line" / SOCKET),
    }
    with (place.folder / "unguarded.log").open("wb") as log:
        place.processes["unguarded"] = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd="/")


def _told(place: Place, orders: dict[str, list[list[str]]]) -> list[dict[str, Any]]:
    """All that the run obtained, as its own program on the coordinator wrote it down."""
    scratch = place.folder / "told"
    scratch.mkdir()
    (scratch / "orders.json").write_text(json.dumps(orders))
    _give(scratch, COORDINATOR)
    told = scratch / "told.json"
    flower_cli.start(place.home, INTRUDER, {"orders": str(scratch / "orders.json"), "told": str(told)})
    place.wait("the run's end", told.exists)
    found: list[dict[str, Any]] = json.loads(told.read_text())
    return found


def _the_courier_carried_all_and_the_vault_released_the_honest_one(
    place: Place, told: list[dict[str, Any]], more: dict[str, bytes]
) -> None:
    sent = [frame for frame in more.values() if frame]
    kinds = Counter(decode(bytes.fromhex(each["reply"])).kind for each in told)
    assert kinds == {"update": 2, "refused": len(sent) - 2}  # the honest one again is the same answer again
    assert Counter(_arrived(place, "KHM")) == Counter(digest(frame) for frame in sent)
    assert [(entry.round, entry.kind) for entry in _released(place, "KHM")] == [(1, "update")]


def _the_bundle_found_nothing(place: Place, found: dict[str, Any], more: dict[str, bytes]) -> None:
    """Nothing but its own user's files, the node's key among them, and the answers that the coordinator may have."""
    assert found["user"] == pwd.getpwnam(COURIER).pw_uid
    assert found["key"] is True  # docs/trust.md says so
    assert (found["obtained"], found["network"]) == ([], [])
    replies = [decode(bytes.fromhex(reply)) for reply in found["replies"]]
    assert [reply.kind for reply in replies] == ["update", "update"] + ["refused"] * (len(more) - 2)
    flood = [decode(bytes.fromhex(reply)) for reply in found["flood"]]
    refused = [reply for reply in flood if "frames came within a minute" in str(reply.header.get("reason"))]
    assert len(flood) - len(refused) <= 240
    assert refused
    assert [(entry.round, entry.kind) for entry in _released(place, "LAO")] == [(1, "update")]
    arrived = _arrived(place, "LAO")
    assert arrived[: len(more)] == [digest(frame) for frame in more.values()]
    assert set(arrived[len(more) :]) == {digest(more["honest"])}
    assert len(arrived) == len(more) + len(flood) - len(refused)


def _the_guard_let_no_bundle_in(place: Place, told: list[dict[str, Any]]) -> None:
    bundle = flower_cli.digest_of(INTRUDER)
    [reply] = [decode(bytes.fromhex(each["reply"])) for each in told]
    assert reply.kind == "refused"
    assert f"VNM does not know the bundle {bundle}" in reply.header["reason"]
    with closing(sqlite3.connect(place.folder / "VNM" / "vault" / "vault.sqlite")) as database:
        assert database.execute("SELECT kind, bundle FROM arrivals").fetchall() == [("terms", bundle)]
    assert _released(place, "VNM") == []
    assert not list((place.folder / "VNM").rglob("intruder_app"))  # not even installed


def _released(place: Place, country: str) -> list[ledger.Entry]:
    with closing(sqlite3.connect(place.folder / country / "vault" / "vault.sqlite")) as database:
        ledger.verify(database)
        return ledger.entries(database)


def _arrived(place: Place, country: str) -> list[str]:
    with closing(sqlite3.connect(place.folder / country / "vault" / "vault.sqlite")) as database:
        rows = database.execute("SELECT digest FROM arrivals WHERE kind NOT LIKE '% unread' ORDER BY number")
        return [found for (found,) in rows]
