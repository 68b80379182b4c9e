"""The gateway against strangers: they cost it little and take nothing that a member needs."""

import asyncio
import json
import random
import resource
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation.deployment.coordinator import bodies, process
from federation.deployment.coordinator import connections as gateway_connections
from federation.deployment.coordinator.connections import Connection, Connections, Limits, fitting, group
from federation.deployment.coordinator.contacts import of_members
from federation.deployment.coordinator.listener import Protocol
from federation.errors import ConfigError
from federation.verbs import coordinator
from tasks.registry import TASKS
from tests.deployment.gateways import CALL, ENROLLED, LARGE, Front, ended, front, half_body
from tests.deployment.loopback import Deployment
from tests.frames import gateway as frames_gateway
from tests.whole import IN_FULL

MEMORY = 200.0  # MiB that the gateway may hold, whatever strangers do


def addresses(count: int) -> Iterator[str]:
    """Addresses of this machine, so many."""
    for number in range(count):
        yield f"127.{1 + number // 200}.{number % 200}.9"


def served(client: httpx.Client, size: int = 100) -> float:
    """Seconds of one call that must succeed."""
    before, body = time.monotonic(), random.Random(size).randbytes(size)
    response = client.post(CALL if size < 2**16 else LARGE, headers=ENROLLED, content=body)
    assert response.status_code == 200
    assert response.content == body
    return time.monotonic() - before


def test_idle_connections_and_half_bodies_of_strangers_hold_nobody(tmp_path: Path) -> None:
    with front(tmp_path) as gateway, ExitStack() as open_, gateway.client("127.0.0.2") as member:
        served(member)
        _crowd(gateway, open_, idle=600, bodies=150)
        assert gateway.files() < Limits().strangers + 64
        assert served(member, 5 * 2**20) < 10
        for source in ("127.0.0.2", "127.0.0.3"):  # a member that connects again, and one that was never here before
            with gateway.client(source) as another:
                assert served(another) < 10
                assert served(another, 5 * 2**20) < 10
        assert gateway.memory() < MEMORY


def _crowd(gateway: Front, open_: ExitStack, *, idle: int, bodies: int) -> None:
    """Strangers of many addresses: some say nothing, some begin TLS, some send a part of a body."""
    sources = list(addresses(200))
    for number in range(idle):
        hello = b"\x16\x03\x01\x02\x00" if number % 3 else b""  # of a record of 512 bytes that does not follow
        open_.enter_context(gateway.connected(sources[number % len(sources)], sent=hello))
    for number in range(bodies):
        with suppress(OSError):  # it was closed in the middle, for another stranger
            line = gateway.connected(sources[-number % len(sources)], tls=True, sent=half_body(15 * 2**20, 2**16))
            open_.enter_context(line)


def test_one_address_holds_no_more_than_its_share(tmp_path: Path) -> None:
    with front(tmp_path, Limits(per_address=4, per_minute=20)) as gateway, ExitStack() as open_:
        lines = [open_.enter_context(gateway.connected("127.0.0.5")) for _ in range(20)]
        other = open_.enter_context(gateway.connected("127.0.0.6"))
        for line in (*lines, other):
            line.settimeout(0.5)
        assert [ended(line) for line in lines] == [True] * 16 + [False] * 4
        assert not ended(other)
        assert ended(open_.enter_context(gateway.connected("127.0.0.5")))  # the 21st within a minute


def test_a_large_body_is_read_of_a_member_alone_and_none_beyond_the_limit(tmp_path: Path) -> None:
    with front(tmp_path) as gateway, gateway.client("127.0.0.2") as stranger, gateway.client("127.0.0.3") as member:
        large = bytes(2**20)
        assert stranger.post(LARGE, content=large).status_code == 413
        assert stranger.post(LARGE, content=iter([large])).status_code == 413  # without a declared size
        assert stranger.post(CALL, content=b"x").status_code == 401
        assert stranger.post(LARGE, content=large).status_code == 413
        assert member.post(LARGE, headers=ENROLLED, content=large).status_code == 413
        served(member)
        served(member, 16 * 2**20)
        assert member.post(LARGE, headers=ENROLLED, content=iter([large])).status_code == 200
        assert member.post(LARGE, headers=ENROLLED, content=bytes(16 * 2**20 + 1)).status_code == 413
        assert gateway.memory() < MEMORY


def test_a_countrys_word_is_noted_of_calls_that_the_superlink_accepts_alone(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    pem = b64encode(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).decode()
    says = {"flwr-public-key": pem, "gotong-standing": "paused"}
    file = tmp_path / "home" / "contacts.json"
    with front(tmp_path) as gateway, gateway.client() as node:
        assert node.post(CALL, headers=says, content=b"x").status_code == 401
        assert node.get("/health", headers=says | ENROLLED).status_code == 200
        assert not file.exists()
        assert node.post(CALL, headers=says | ENROLLED, content=b"x").status_code == 200
        ssh = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        assert of_members(tmp_path / "home", {"VNM": ssh, "LAO": "none"})["VNM"].word == "paused"


def test_large_bodies_of_members_wait_for_one_another(tmp_path: Path) -> None:
    """One member's unfinished bodies take its quarter; another member's pass meanwhile."""
    with front(tmp_path) as gateway, ExitStack() as open_, gateway.client("127.0.0.3") as other:
        with gateway.client("127.0.0.2") as hostile:
            served(hostile)
        before = gateway.memory()
        head = half_body(16 * 2**20, 0)
        _pour([open_.enter_context(gateway.connected("127.0.0.2", tls=True, sent=head)) for _ in range(16)])
        served(other)
        assert served(other, 5 * 2**20) < 10
        assert gateway.memory() - before < 100


def test_large_bodies_of_many_members_wait_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.05)

    async def fill() -> None:
        held = bodies.Bodies(64 * 2**20)
        async with AsyncExitStack() as members:
            for number in range(4):
                await members.enter_async_context(held.room(bodies.LARGEST, f"10.0.0.{number}"))
            async with held.room(bodies.SMALL, "10.0.0.9"):
                pass
            with pytest.raises(bodies.RefusedError):
                await members.enter_async_context(held.room(bodies.SMALL + 1, "10.0.0.9"))
        async with held.room(bodies.LARGEST, "10.0.0.9"):
            pass

    asyncio.run(fill())


def _pour(lines: list[socket.socket]) -> None:
    """Send on each of them, as much as it takes of 15 MiB within 8 s."""
    until, part = time.monotonic() + 8, bytes(2**18)
    sent = dict.fromkeys(lines, 0)
    for line in lines:
        line.settimeout(0.02)
    while time.monotonic() < until:
        for line in lines:
            with suppress(OSError):
                if sent[line] < 15 * 2**20:
                    sent[line] += line.send(part)


@contextmanager
def _opened(limits: Limits) -> Iterator[tuple[Connections, Any]]:
    """Connections of no gateway; the second opens one from an address."""
    connections, ports = Connections(limits), iter(range(10_000))
    with ExitStack() as held:

        def opened(address: str) -> Connection:
            line, peer = socket.socketpair()
            for each in (line, peer):
                held.enter_context(each)
            connection = connections.admit(line, (address, next(ports)))
            assert connection is not None
            return connection

        yield connections, opened


def _closed(connection: Connection) -> bool:
    connection.line.setblocking(False)
    try:
        return connection.line.recv(1) == b""
    except BlockingIOError:
        return False


def test_strangers_displace_one_another_and_never_a_member() -> None:
    with _opened(Limits(strangers=8, members=8, per_address=3)) as (connections, opened):
        member = opened("10.0.0.1")
        connections.learn(member, 200)
        again, crowd = opened("10.0.0.1"), [opened("10.0.0.9") for _ in range(3)]
        others = [opened(f"10.0.1.{number}") for number in range(4)]
        newest = opened("10.0.2.1")  # the ninth: of the most crowded address the oldest goes
        assert [_closed(each) for each in (member, again, *crowd, *others, newest)] == [
            *(False, False),
            *(True, False, False),
            *([False] * 5),
        ]
        for number in range(50):
            opened(f"10.1.0.{number}")
        assert not _closed(member)
        assert not _closed(again)  # its address is a member's
        assert connections.counts() == (8, 1)
        connections.learn(member, 401)  # its key was revoked: it has lost its place
        assert connections.counts() == (9, 0)


def test_time_ends_for_strangers_and_for_silent_members(monkeypatch: pytest.MonkeyPatch) -> None:
    with _opened(Limits()) as (connections, opened):
        stranger, silent, busy = opened("10.0.0.1"), opened("10.0.0.2"), opened("10.0.0.3")
        for member in (silent, busy):
            connections.learn(member, 200)
        with busy.serving():
            for later, expected in ((29, (False, False, False)), (31, (True, False, False)), (76, (True, True, False))):
                clock = Mock(return_value=time.monotonic() + later)
                monkeypatch.setattr(gateway_connections, "monotonic", clock)
                connections.close_overdue()
                assert tuple(map(_closed, (stranger, silent, busy))) == expected, later


def test_an_address_is_a_line() -> None:
    assert group("2001:db8:0:1::5") == group("2001:db8:0:1:ffff::7") != group("2001:db8:0:2::5")
    assert group("::ffff:10.0.0.1") == group("10.0.0.1") != group("10.0.0.2")
    assert group("fe80::1%eth0")


def test_limits_fit_the_open_files_and_are_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fitting(Limits(), 10_000) == Limits()
    assert fitting(Limits(), 64 + 384) == Limits(strangers=64, members=128)
    given: list[Any] = []
    monkeypatch.setattr(coordinator, "become", lambda *words: given.append(words))
    coordinator.run(["limits.members=600", "limits.bodies=128"])
    [(home, addresses_, limits, _)] = given
    assert limits == Limits(members=600, bodies=128)
    gateway = process.children(home, addresses_, limits)[-1].command
    assert json.loads(gateway[gateway.index("--limits") + 1])["members"] == 600
    with pytest.raises(ConfigError, match=r"limits.bodies=1 must be at least 64"):
        coordinator.start(coordinator.Coordinator(limits=Limits(bodies=1)))


@pytest.mark.long
@pytest.mark.skipif(not IN_FULL, reason="fewer connections are a test of every run; these: scripts/prove ends")
@pytest.mark.timeout(900)  # many processes
def test_five_thousand_idle_connections_and_two_hundred_half_bodies_do_not_stop_a_round(tmp_path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    deployment = Deployment(folder=tmp_path, countries=("KHM", "VNM"), data=tmp_path / "data")
    task = TASKS["health"]
    for country in deployment.countries:
        (tmp_path / "data" / country).mkdir(parents=True)
        task.synthesize(tmp_path / "data" / country, country, 3, task.settings())
    try:
        deployment.set_up()
        deployment.wait_for_all()
        gateway = Front(
            port=deployment.port, pid=deployment.pid_of("coordinator", "gateway"), ca=deployment.home / "ca.pem"
        )
        words = ("region.countries=[KHM,VNM]", "rounds=40", "quorum=2", "name=crowded", "deadline=120")
        deployment.start("submission", *deployment.submission(*words))
        deployment.wait("a round", lambda: "round 1/40" in deployment.log("submission"))
        with ExitStack() as open_:
            _crowd(gateway, open_, idle=5000, bodies=200)
            assert gateway.memory() < MEMORY
            done = deployment.log("submission").count("2 of 2 countries")
            deployment.wait("five rounds", lambda: deployment.log("submission").count("2 of 2 countries") >= done + 5)
            assert gateway.memory() < MEMORY
        assert deployment.processes["submission"].poll() is None, deployment.log("submission")  # more rounds to go
    finally:
        deployment.stop()


def test_a_thousand_hostile_connections_harm_no_gateway(tmp_path: Path) -> None:
    """A seeded sample of `scripts/prove frames`."""
    outcome = frames_gateway.attack(tmp_path / "home", 1000, seed=19)
    assert outcome.faults == []
    assert outcome.dearest() < 0.5, outcome.cost[:3]  # seconds of CPU
    assert {"HTTP/1.1 200", "HTTP/1.1 400", "HTTP/1.1 401", "HTTP/1.1 404"} <= set(outcome.kinds)
    assert max(outcome.memory) - outcome.memory[1] < 50


def test_nothing_is_said_after_the_last_reply(tmp_path: Path) -> None:
    """uvicorn raises where bytes that are no HTTP follow a reply that closed the connection."""

    async def bytes_after_the_end() -> tuple[bytes, bool]:
        front, wire = frames_gateway.Front(tmp_path / "home"), frames_gateway.Wire(("10.0.0.1", 1))
        protocol = Protocol(front.config, front.state, lambda: None)
        protocol.connection_made(wire)
        protocol.data_received(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await frames_gateway.settled(40)
        said = bytes(wire.written)
        wire.closed = False
        protocol.send_400_response("no HTTP")
        protocol.connection_lost(None)
        return bytes(wire.written).removeprefix(said), wire.closed

    assert asyncio.run(bytes_after_the_end()) == (b"", True)
