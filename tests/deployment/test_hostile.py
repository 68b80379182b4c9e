"""A hostile peer on the line to a vault: a courier that was taken over, or the coordinator, with crafted requests."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Message

from federation.coordinator import rounds
from federation.deployment.node.dry_run import RoundCounter
from federation.runs.in_process_grid import InProcessGrid
from federation.settings.values import plain
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.vault import ledger
from federation.wire.flower_message import unseal
from federation.wire.frame import Frame, decode, digest, encode
from tests.deployment.test_vault_process import Line, LineGrid, federation_of, serving

ROUNDS = 4


def test_crafted_replayed_and_foreign_frames_obtain_nothing_and_all_are_written_down(tmp_path: Path) -> None:
    with serving(tmp_path / "v", policy="maximum_rounds = 8\nmaximum_epochs = 3\n", per_minute=60) as line:
        honest = _a_run(line, tmp_path)
        before = _released(tmp_path / "v")
        assert [(entry.round, entry.kind) for entry in before] == [
            *((round_, "update") for round_ in range(1, ROUNDS + 1)),
            (ROUNDS + 1, "scores"),
            (ROUNDS + 2, "scores"),
        ]
        for name, frame in crafted(honest[0]).items():
            reply = decode(line.send(frame))
            assert reply.kind == "refused", name
            assert reply.arrays == {}, name
        _replays_give_what_was_given_or_nothing(line, honest, before)
        assert _released(tmp_path / "v") == before
        nothing = digest(b"")  # a connection that only checked for the vault
        assert [each for each in _arrived(tmp_path / "v") if each != nothing] == [
            digest(frame) for frame in line.frames if frame
        ]
        _a_flood_ends_and_is_on_the_books(line, tmp_path / "v")
        assert _released(tmp_path / "v") == before


class _FirstRequest(Exception):  # noqa: N818  ends a run at its first request
    pass


class _StoppingGrid(InProcessGrid):
    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
        raise _FirstRequest(unseal(next(iter(messages)).content))


def first_request(folder: Path, rounds_: int = ROUNDS) -> bytes:
    """The first request of an honest coordinator."""
    federation = federation_of(folder, rounds_=rounds_)
    with pytest.raises(_FirstRequest) as caught:
        rounds.federate(_StoppingGrid({}, sequential.run), federation, rounds.begin(federation), RoundCounter())
    return bytes(caught.value.args[0])


def _a_run(line: Line, folder: Path) -> list[bytes]:
    federation = federation_of(folder, rounds_=ROUNDS)
    rounds.federate(LineGrid(line), federation, rounds.begin(federation), RoundCounter())
    return list(line.frames)


def crafted(first: bytes) -> Mapping[str, bytes]:
    """Requests that a policy does not allow, made of the first honest one."""
    frame = decode(first)
    plan: dict[str, Any] = dict(frame.header["plan"])

    def changed_header(**changed: Any) -> bytes:
        return encode(replace(frame, header={**frame.header, "run": "more", **changed}))

    def planned(**changed: Any) -> bytes:
        return changed_header(plan={**plan, **changed})

    def weights(change: Callable[[np.ndarray], np.ndarray]) -> bytes:
        arrays = {name: change(value) for name, value in frame.arrays.items()}
        return encode(replace(frame, header={**frame.header, "run": "more"}, arrays=arrays))

    agriculture = plain(STRATEGIES["fedavg"].settings(name="fedavg"))
    return {
        "another task": planned(task={**plan["task"], "name": "disaster"}),
        "a task nobody has": planned(task={**plan["task"], "name": "census"}),
        "a strategy that is none": planned(strategy={**agriculture, "name": "os.system"}),
        "more rounds": planned(rounds=9),
        "more epochs": planned(training={**plan["training"], "epochs": 4}),
        "an arm that is none": planned(arms=["federated", "records"]),
        "a key that is none": planned(records="../../etc/passwd"),
        "no plan": changed_header(plan=None),
        "a round beyond the last": changed_header(round=ROUNDS + 1),
        "a run with a path for a name": changed_header(run="../x\n"),
        "another kind": encode(replace(frame, kind="records")),
        "a reply": encode(replace(frame, kind="update")),
        "another model under the same round": encode(
            replace(frame, arrays={name: value + 1 for name, value in frame.arrays.items()})
        ),
        "weights that are no numbers": weights(lambda value: value * np.float32(np.nan)),
        "weights of another shape": weights(lambda value: value[None]),
        "weights of another kind": weights(lambda value: value.astype(np.float64)),
        "weights under another name": encode(
            replace(frame, header={**frame.header, "run": "more"}, arrays={"model/x": np.ones(1, np.float32)})
        ),
        "another version": first[:4] + b"\xff\xff" + first[6:],
        "half a frame": first[: len(first) // 2],
        "nothing": b"",
        "noise": os.urandom(4096),
    }


def _replays_give_what_was_given_or_nothing(line: Line, honest: list[bytes], before: list[ledger.Entry]) -> None:
    """The last rounds are repeated to the letter; the rest is gone. Neither trains or releases again."""
    digests = {(entry.round): entry.digest for entry in before}
    kinds = []
    for frame in honest:
        reply = line.send(frame)
        kinds.append(decode(reply).kind)
        if kinds[-1] != "refused":
            assert digest(reply) == digests[decode(frame).header["round"]]
    assert kinds == ["refused"] * (ROUNDS - 1) + ["update", "scores", "scores"]
    after = encode(
        Frame(kind="train", header={**decode(honest[0]).header, "round": 1}, arrays=decode(honest[1]).arrays)
    )
    assert decode(line.send(after)).kind == "refused"  # of a run whose test is done


def _a_flood_ends_and_is_on_the_books(line: Line, folder: Path) -> None:
    replies = [decode(line.send(line.frames[0])) for _ in range(80)]
    reasons = [str(frame.header.get("reason", "")) for frame in replies]
    assert any("more than 60 frames came within a minute" in reason for reason in reasons)
    assert len(_arrived(folder)) == 60


def _released(folder: Path) -> list[ledger.Entry]:
    with closing(sqlite3.connect(folder / "vault" / "vault.sqlite")) as database:
        ledger.verify(database)
        return ledger.entries(database)


def _arrived(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "vault" / "vault.sqlite")) as database:
        return [name for (name,) in database.execute("SELECT digest FROM arrivals ORDER BY number")]
