"""Vaults in one process: what one cannot do does not stop the others, and all they release is kept together."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flwr.app import Message

from federation.errors import LedgerError
from federation.runs.in_process_grid import InProcessGrid
from federation.training import sequential
from federation.training.jobs import Job, Result
from federation.vault import ledger, state
from federation.vault.database import open_database
from federation.vault.round import serve
from federation.vault.vault import Vault
from federation.wire.flower_message import seal, unseal
from federation.wire.frame import decode
from tests.federation.toy import TOY
from tests.federation.vault.requesting import plan_of, request_bytes, vault_in

pytestmark = pytest.mark.usefixtures("toy")
SECRET = "Mrs Nguyen of Hue"


@pytest.fixture
def vaults(tmp_path: Path) -> list[Vault]:
    """Three countries that share a file, as in a simulation."""
    database = open_database(tmp_path / "vault.sqlite")
    return [vault_in(tmp_path, country, database=database) for country in ("LAO", "THA", "VNM")]


def spoil(vault: Vault) -> None:
    path = vault.folder / TOY.file
    path.write_text(path.read_text() + f"p0,2009-01,0.5,{SECRET}\n")


def kinds(replies: Sequence[bytes]) -> list[str]:
    return [decode(reply).kind for reply in replies]


def test_replies_come_in_the_order_of_the_requests(vaults: list[Vault]) -> None:
    inbox = [(vault, request_bytes("train", 1, plan_of())) for vault in vaults]
    there = [decode(reply).header["country"] for reply in serve(inbox, sequential.run)]
    again = [decode(reply).header["country"] for reply in serve(inbox[::-1], sequential.run)]
    assert there == again[::-1] == ["LAO", "THA", "VNM"]


def test_a_refusal_and_bad_records_stop_nobody_else(vaults: list[Vault], caplog: pytest.LogCaptureFixture) -> None:
    spoil(vaults[1])
    requests = [
        request_bytes("train", 9, plan_of()),
        request_bytes("train", 1, plan_of()),
        request_bytes("train", 1, plan_of()),
    ]
    with caplog.at_level(logging.WARNING):
        replies = serve(list(zip(vaults, requests, strict=True)), sequential.run)
    assert kinds(replies) == ["refused", "refused", "update"]
    assert [each.country for each in ledger.entries(vaults[0].database)] == ["VNM"]
    assert SECRET not in repr(replies)
    assert SECRET in caplog.text  # for the country itself


def test_all_jobs_of_a_round_are_trained_together(vaults: list[Vault]) -> None:
    seen: list[list[str]] = []

    def train(jobs: Sequence[Job]) -> list[Result]:
        seen.append([f"{job.country} {job.arm}" for job in jobs])
        return sequential.run(jobs)

    serve([(vault, request_bytes("train", 1, plan_of())) for vault in vaults], train)
    assert seen == [[f"{name} {arm}" for name in ("LAO", "THA", "VNM") for arm in ("federated", "local")]]


def test_a_training_that_crashes_is_its_countrys_alone(vaults: list[Vault], caplog: pytest.LogCaptureFixture) -> None:
    def train(jobs: Sequence[Job]) -> list[Result]:
        if any(job.country == "THA" for job in jobs):
            raise RuntimeError(SECRET)
        return sequential.run(jobs)

    replies = serve([(vault, request_bytes("train", 1, plan_of())) for vault in vaults], train)
    assert kinds(replies) == ["update", "refused", "update"]
    assert SECRET not in repr(replies)
    assert SECRET in caplog.text
    assert [each.country for each in ledger.entries(vaults[0].database)] == ["LAO", "VNM"]


def test_if_one_release_cannot_be_kept_none_leaves(vaults: list[Vault], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = state.store_round

    def full(connection: Any, record: Any) -> None:
        kept(connection, record)
        if record.country == "VNM":
            connection.execute("INSERT INTO no_such_table VALUES (1)")

    monkeypatch.setattr(state, "store_round", full)
    with pytest.raises(LedgerError, match="nothing was released"):
        serve([(vault, request_bytes("train", 1, plan_of())) for vault in vaults], sequential.run)
    assert ledger.verify(vaults[0].database) == 0
    assert vaults[0].database.execute("SELECT count(*) FROM state").fetchone() == (0,)


def test_a_refused_release_leaves_no_row(vaults: list[Vault], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = state.store_round

    def refuse(connection: Any, record: Any) -> None:
        if record.country == "THA":
            raise LedgerError("no room for THA")
        kept(connection, record)

    monkeypatch.setattr(state, "store_round", refuse)
    replies = serve([(vault, request_bytes("train", 1, plan_of())) for vault in vaults], sequential.run)
    assert kinds(replies) == ["update", "refused", "update"]
    assert [each.country for each in ledger.entries(vaults[0].database)] == ["LAO", "VNM"]


def test_the_grid_carries_messages_by_either_way(vaults: list[Vault]) -> None:
    grid = InProcessGrid(dict(enumerate(vaults, start=2)), sequential.run)
    assert list(grid.get_node_ids()) == [2, 3, 4]
    messages = [grid.create_message(seal(request_bytes("train", 1, plan_of())), "train", node, "1") for node in (4, 2)]
    ids = list(grid.push_messages(messages))
    pulled = {reply.metadata.src_node_id: reply for reply in grid.pull_messages(ids)}
    assert {node: decode(unseal(reply.content)).header["country"] for node, reply in pulled.items()} == {
        4: "VNM",
        2: "LAO",
    }
    assert list(grid.pull_messages(ids)) == []  # each once
    replies: list[Message] = list(grid.send_and_receive(messages))
    assert [reply.metadata.src_node_id for reply in replies] == [4, 2]


def test_no_messages_give_no_replies() -> None:
    grid = InProcessGrid({}, sequential.run)
    assert grid.send_and_receive([]) == []
