"""A vault replies to a round once; what it learnt in a round counts from the next one on."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.errors import PolicyRefusal
from federation.vault.database import open_database
from federation.vault.state import RoundRecord, memory_before, store_round, stored_reply


def record_of(
    round_: int, country: str = "VNM", kind: str = "train", run: str = "r", last_aggregated: int = 0
) -> RoundRecord:
    return RoundRecord(
        country=country,
        run=run,
        round=round_,
        kind=kind,
        last_aggregated=last_aggregated,
        request=f"request {round_}",
        plan="plan",
        memory={f"{part}/w": torch.full((2,), float(round_)) for part in ("local", "strategy", "private")},
        reply=f"reply {round_}".encode(),
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "vault.sqlite")
    yield connection
    connection.close()


def test_a_new_round_has_no_reply_and_no_memory(database: sqlite3.Connection) -> None:
    assert stored_reply(database, "VNM", "r", 1, "request 1") is None
    assert memory_before(database, "VNM", "r", 1, last_aggregated=0, plan="plan") == {}


def test_the_same_request_gets_the_stored_reply(database: sqlite3.Connection) -> None:
    store_round(database, record_of(1))
    assert stored_reply(database, "VNM", "r", 1, "request 1") == b"reply 1"
    assert stored_reply(database, "VNM", "r", 2, "request 2") is None


def test_countries_and_runs_do_not_meet(database: sqlite3.Connection) -> None:
    store_round(database, record_of(1))
    for country, run in (("THA", "r"), ("VNM", "another")):
        assert stored_reply(database, country, run, 1, "request 1") is None
        assert memory_before(database, country, run, 2, last_aggregated=0, plan="plan") == {}


def test_another_request_of_a_round_that_had_a_reply_is_refused(database: sqlite3.Connection) -> None:
    store_round(database, record_of(1))
    with pytest.raises(PolicyRefusal, match="VNM has replied to another request of round 1 of run r"):
        stored_reply(database, "VNM", "r", 1, "forged")


def test_a_stale_round_is_refused(database: sqlite3.Connection) -> None:
    for round_ in (1, 2, 5):
        store_round(database, record_of(round_))
    for stale in (1, 3, 4):
        with pytest.raises(PolicyRefusal, match=f"VNM is past round {stale} of run r: it has replied to round 5"):
            stored_reply(database, "VNM", "r", stale, f"request {stale}")


def test_nothing_is_served_after_the_test(database: sqlite3.Connection) -> None:
    store_round(database, record_of(1))
    store_round(database, record_of(2, kind="test"))
    assert stored_reply(database, "VNM", "r", 2, "request 2") == b"reply 2"
    with pytest.raises(PolicyRefusal, match="test"):
        stored_reply(database, "VNM", "r", 3, "request 3")


def test_memory_is_what_the_round_before_left_however_often_it_is_requested(database: sqlite3.Connection) -> None:
    for round_ in (1, 2, 5):
        store_round(database, record_of(round_))
    for _ in range(2):
        assert memory_before(database, "VNM", "r", 6, last_aggregated=0, plan="plan")["local/w"].tolist() == [5, 5]
        assert memory_before(database, "VNM", "r", 5, last_aggregated=0, plan="plan")["local/w"].tolist() == [2, 2]


def test_what_belongs_to_the_federated_model_is_that_of_the_last_aggregated_update(
    database: sqlite3.Connection,
) -> None:
    for round_ in (1, 2, 3):
        store_round(database, record_of(round_, last_aggregated=min(round_ - 1, 1)))
    back = memory_before(database, "VNM", "r", 4, last_aggregated=1, plan="plan")
    assert {name: value[0].item() for name, value in back.items()} == {"local/w": 3, "strategy/w": 1, "private/w": 1}
    assert memory_before(database, "VNM", "r", 4, last_aggregated=0, plan="plan").keys() == {"local/w"}


def test_the_last_aggregated_update_is_kept_however_long_ago_it_was(database: sqlite3.Connection) -> None:
    store_round(database, record_of(1))
    for round_ in range(2, 9):
        store_round(database, record_of(round_, last_aggregated=1))
    assert memory_before(database, "VNM", "r", 9, last_aggregated=1, plan="plan")["strategy/w"][0].item() == 1
    store_round(database, record_of(9, last_aggregated=8))
    rounds = [row for (row,) in database.execute("SELECT round FROM state ORDER BY 1")]
    assert rounds == [8, 9]


def test_a_vault_that_lost_its_memory_says_so(database: sqlite3.Connection) -> None:
    with pytest.raises(PolicyRefusal, match="VNM has no memory of round 3 of run r"):
        memory_before(database, "VNM", "r", 4, last_aggregated=3, plan="plan")


def test_memory_of_another_plan_is_refused(database: sqlite3.Connection) -> None:
    store_round(database, record_of(1))
    with pytest.raises(PolicyRefusal, match="VNM knows run r with another plan"):
        memory_before(database, "VNM", "r", 2, last_aggregated=0, plan="other")


def test_only_what_a_repetition_needs_is_kept(database: sqlite3.Connection) -> None:
    for round_ in range(1, 6):
        store_round(database, record_of(round_))
        store_round(database, record_of(round_, country="THA"))
    assert database.execute("SELECT country, round FROM state ORDER BY 1, 2").fetchall() == [
        (country, round_) for country in ("THA", "VNM") for round_ in (4, 5)
    ]


@given(
    value=hnp.arrays("float32", hnp.array_shapes(min_dims=0, max_side=3), elements=st.floats(width=32, allow_nan=True))
)
def test_memory_comes_back_to_the_bit(value: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE state (country, run, round, kind, request, memory, reply)")
    tensor = torch.from_numpy(np.array(value))
    one = record_of(1)
    store_round(connection, RoundRecord(**{**vars(one), "memory": {"strategy/c": tensor}}))
    back = memory_before(connection, "VNM", "r", 2, last_aggregated=1, plan="plan")
    assert back["strategy/c"].numpy().tobytes() == value.tobytes()
    assert back["strategy/c"].shape == tensor.shape
    back["strategy/c"].fill_(7)  # a copy of its own, free to be written
    connection.close()
