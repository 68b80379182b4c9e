"""A vault answers a round once; what it learnt in a round counts from the next one on."""

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
from federation.vault.state import Remembered, recall, remember, replay


def answered(round_: int, country: str = "VNM", kind: str = "train", run: str = "r", counted: int = 0) -> Remembered:
    return Remembered(
        country=country,
        run=run,
        round=round_,
        kind=kind,
        counted=counted,
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
    assert replay(database, "VNM", "r", 1, "request 1") is None
    assert recall(database, "VNM", "r", 1, counted=0, plan="plan") == {}


def test_the_same_request_gets_the_stored_reply(database: sqlite3.Connection) -> None:
    remember(database, answered(1))
    assert replay(database, "VNM", "r", 1, "request 1") == b"reply 1"
    assert replay(database, "VNM", "r", 2, "request 2") is None


def test_countries_and_runs_do_not_meet(database: sqlite3.Connection) -> None:
    remember(database, answered(1))
    for country, run in (("THA", "r"), ("VNM", "another")):
        assert replay(database, country, run, 1, "request 1") is None
        assert recall(database, country, run, 2, counted=0, plan="plan") == {}


def test_another_request_for_an_answered_round_is_refused(database: sqlite3.Connection) -> None:
    remember(database, answered(1))
    with pytest.raises(PolicyRefusal, match="VNM has answered round 1 of run r for another request"):
        replay(database, "VNM", "r", 1, "forged")


def test_a_stale_round_is_refused(database: sqlite3.Connection) -> None:
    for round_ in (1, 2, 5):
        remember(database, answered(round_))
    for stale in (1, 3, 4):
        with pytest.raises(PolicyRefusal, match=f"VNM is past round {stale} of run r: it has answered round 5"):
            replay(database, "VNM", "r", stale, f"request {stale}")


def test_nothing_is_asked_after_the_test(database: sqlite3.Connection) -> None:
    remember(database, answered(1))
    remember(database, answered(2, kind="test"))
    assert replay(database, "VNM", "r", 2, "request 2") == b"reply 2"
    with pytest.raises(PolicyRefusal, match="test"):
        replay(database, "VNM", "r", 3, "request 3")


def test_memory_is_what_the_round_before_left_however_often_it_is_asked(database: sqlite3.Connection) -> None:
    for round_ in (1, 2, 5):
        remember(database, answered(round_))
    for _ in range(2):
        assert recall(database, "VNM", "r", 6, counted=0, plan="plan")["local/w"].tolist() == [5, 5]
        assert recall(database, "VNM", "r", 5, counted=0, plan="plan")["local/w"].tolist() == [2, 2]


def test_what_belongs_to_the_federated_model_is_that_of_the_last_update_that_counted(
    database: sqlite3.Connection,
) -> None:
    for round_ in (1, 2, 3):
        remember(database, answered(round_, counted=min(round_ - 1, 1)))
    back = recall(database, "VNM", "r", 4, counted=1, plan="plan")
    assert {name: value[0].item() for name, value in back.items()} == {"local/w": 3, "strategy/w": 1, "private/w": 1}
    assert recall(database, "VNM", "r", 4, counted=0, plan="plan").keys() == {"local/w"}


def test_the_last_update_that_counted_is_kept_however_long_ago_it_was(database: sqlite3.Connection) -> None:
    remember(database, answered(1))
    for round_ in range(2, 9):
        remember(database, answered(round_, counted=1))
    assert recall(database, "VNM", "r", 9, counted=1, plan="plan")["strategy/w"][0].item() == 1
    remember(database, answered(9, counted=8))
    rounds = [row for (row,) in database.execute("SELECT round FROM state ORDER BY 1")]
    assert rounds == [8, 9]


def test_a_vault_that_lost_its_memory_says_so(database: sqlite3.Connection) -> None:
    with pytest.raises(PolicyRefusal, match="VNM does not remember round 3 of run r"):
        recall(database, "VNM", "r", 4, counted=3, plan="plan")


def test_memory_of_another_plan_is_refused(database: sqlite3.Connection) -> None:
    remember(database, answered(1))
    with pytest.raises(PolicyRefusal, match="VNM knows run r with another plan"):
        recall(database, "VNM", "r", 2, counted=0, plan="other")


def test_only_what_a_repetition_needs_is_kept(database: sqlite3.Connection) -> None:
    for round_ in range(1, 6):
        remember(database, answered(round_))
        remember(database, answered(round_, country="THA"))
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
    one = answered(1)
    remember(connection, Remembered(**{**vars(one), "memory": {"strategy/c": tensor}}))
    back = recall(connection, "VNM", "r", 2, counted=1, plan="plan")
    assert back["strategy/c"].numpy().tobytes() == value.tobytes()
    assert back["strategy/c"].shape == tensor.shape
    back["strategy/c"].fill_(7)  # a copy of its own, free to be written
    connection.close()
