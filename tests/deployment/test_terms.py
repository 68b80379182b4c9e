"""A peer of another wire version is refused in one line that says what to do, on the way that a real request takes;
and who is asked about its records and says nothing is not enrolled, not connected, or silent."""

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from flwr.app import Message
from flwr.supercore.task_identity import TaskIdentity

from federation.deployment.coordinator import explore, terms
from federation.deployment.node import courier, flower_link
from federation.deployment.node.settings import NodeSettings
from federation.deployment.node.vault_process import RequestHandler, limits_of, read_policy
from federation.errors import ConfigError
from federation.runs.in_process_grid import InProcessGrid
from federation.settings.plan import Plan
from federation.settings.region import RegionSettings
from federation.settings.schema import Settings
from federation.strategies.fedavg import FEDAVG
from federation.training import sequential
from federation.vault.database import open_database
from federation.vault.service.socket_server import Service
from federation.vault.vault import Vault
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import ACCEPTED, PREFIX, VERSION, Frame, decode, encode
from tasks.registry import TASKS

COUNTRY, NODE = "LAO", 7
PLAN = Plan(task=TASKS["health"].settings(), strategy=FEDAVG.settings())
OTHERS = [version for version in (VERSION - 1, VERSION + 1) if version not in ACCEPTED]


def _of_version(frame: bytes, version: int) -> bytes:
    magic, _, length = PREFIX.unpack_from(frame)
    return PREFIX.pack(magic, version, length) + frame[PREFIX.size :]


class CourierGrid(InProcessGrid):
    """A grid of one node whose courier passes messages to a vault's socket."""

    def __init__(self, vault: Path) -> None:
        super().__init__({}, sequential.run)
        self._vault = vault

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
        requests = [flower_link.Request(message=message, frame=unseal(message.content)) for message in messages]
        return [courier.reply_to(request, self._vault, lambda: None) for request in requests]


@contextmanager
def _node(folder: Path, changed: Callable[[bytes], bytes] = lambda reply: reply) -> Iterator[Path]:
    """A country's vault behind its socket. changed: its replies as they leave."""
    (folder / "policy.toml").write_text('tasks = ["health"]\n')
    settings = NodeSettings(country=COUNTRY, data=str(folder), home=str(folder), line=str(folder))
    database = open_database(folder / "vault.sqlite")
    policy = read_policy(settings.policy_file, COUNTRY)
    vault = Vault(country=COUNTRY, folder=folder, policy=policy, database=database, key=bytes(32))
    handler = RequestHandler(vault, folder, torch.device("cpu"))
    service = Service(
        settings.socket,
        database=sqlite3.connect(folder / "arrivals.sqlite", isolation_level=None, check_same_thread=False),
        respond=lambda frame: changed(handler.respond(frame)),
        limits=limits_of(settings),
    )
    listening = service.listen()

    def serve() -> None:  # a thread in place of the vault's process
        with pytest.raises(OSError):  # noqa: PT011  the socket is closed below
            service.serve(listening)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield settings.socket
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        listening.close()
        database.close()


@pytest.fixture(autouse=True)
def _identity() -> None:
    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1  # Flower creates messages for a task only


def test_the_terms_of_a_node_of_this_version_arrive(tmp_path: Path) -> None:
    with _node(tmp_path) as vault:
        region = terms.request(CourierGrid(vault), "run", PLAN, {COUNTRY: NODE})
    assert (region.terms[COUNTRY].policy.tasks, region.terms[COUNTRY].policy.start) == (("health",), "seeded")


def test_who_says_nothing_of_its_records_has_a_reason(tmp_path: Path) -> None:
    refused = encode(Frame(kind="refused", header={"reason": f"{COUNTRY} says nothing of its records"}))

    class Grid(InProcessGrid):
        def get_node_ids(self) -> list[int]:
            return [NODE, NODE + 1]

        def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
            return [Message(seal(refused), reply_to=each) for each in messages if each.metadata.dst_node_id == NODE]

    region = RegionSettings(countries=["LAO", "KHM", "VNM", "THA"])
    settings = Settings(task=PLAN.task, strategy=PLAN.strategy, region=region)
    nodes = {COUNTRY: NODE, "KHM": NODE + 1, "VNM": NODE + 2}
    explore.ask(Grid({}, sequential.run), settings, tmp_path, nodes)
    assert {each.country: each.refusal for each in explore.read(settings, tmp_path).countries} == {
        COUNTRY: "it says nothing of its records",
        "KHM": "it is connected and did not reply in time; see `gotong status`",
        "VNM": "it is enrolled and not connected; see `gotong status`",
        "THA": "it is not enrolled",
    }


@pytest.mark.parametrize("version", OTHERS)
def test_a_node_of_another_version_is_refused_before_training(tmp_path: Path, version: int) -> None:
    with _node(tmp_path, lambda reply: _of_version(reply, version)) as vault, pytest.raises(ConfigError) as caught:
        terms.request(CourierGrid(vault), "run", PLAN, {COUNTRY: NODE})
    line = str(caught.value)
    assert line.startswith(f"nothing was trained: {COUNTRY}: ")
    assert f"wire version {version}" in line
    assert "install the same version of Gotong on both sides" in line
    assert "\n" not in line


@pytest.mark.parametrize("version", OTHERS)
def test_a_coordinator_of_another_version_is_refused_by_the_vault(tmp_path: Path, version: int) -> None:
    frame = _of_version(encode(Frame(kind="terms", header={"run": "run"})), version)
    message = Message(seal(frame), dst_node_id=NODE, message_type="query")
    with _node(tmp_path) as vault:
        [reply] = CourierGrid(vault).send_and_receive([message])
    refusal = decode(unseal(reply.content))
    assert refusal.kind == "refused"
    assert f"{COUNTRY}: the frame has wire version {version}" in refusal.header["reason"]
    assert "install the same version of Gotong on both sides" in refusal.header["reason"]
