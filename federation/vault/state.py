"""What a vault remembers of a run, by round: its own memory, and the reply it gave.

A repeated request gets the stored reply, so nothing is trained or charged twice. Memory advances when the next round
arrives, so a round that is asked again starts from what it started from. What belongs to the federated model advances
only with updates that counted: the request says which was the last. A reply that was lost or refused on its way leaves
no trace in it; a country's own local model goes on regardless.
"""

import sqlite3
from dataclasses import dataclass

import numpy as np
import torch

from federation.errors import PolicyRefusal
from federation.training.jobs import Tensors
from federation.wire.frame import Frame, decode, encode

KEPT_ROUNDS = 2  # this one, and the one before, from which this one can be repeated; beside the last that counted
OF_UPDATE = ("strategy/", "private/")  # what belongs to the federated model


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """One answered round. request, plan: digests of the frame that asked and of the plan in it.

    counted: the last round before this one whose update counted, from which the next may have to start again; or 0.
    """

    country: str
    run: str
    round: int
    kind: str
    counted: int
    request: str
    plan: str
    memory: Tensors
    reply: bytes


def replay(connection: sqlite3.Connection, country: str, run: str, round_: int, request: str) -> bytes | None:
    """The reply already given to this very request, or None if the round is new.

    Raises PolicyRefusal if the round was answered for another request, or a later round was answered already, or the
    run's test was: a test that could be had for every model would be a test no longer.
    """
    rows = connection.execute(
        "SELECT round, request, reply FROM state WHERE country = ? AND run = ? AND round >= ? ORDER BY round",
        (country, run, round_),
    ).fetchall()
    if not rows:
        tested = "SELECT 1 FROM state WHERE country = ? AND run = ? AND kind = 'test'"
        if connection.execute(tested, (country, run)).fetchone():
            raise PolicyRefusal(f"{country} has answered the test of run {run}; nothing comes after it")
        return None
    if rows[0][0] == round_ and rows[0][1] == request:
        return bytes(rows[0][2])
    if rows[0][0] == round_:
        raise PolicyRefusal(f"{country} has answered round {round_} of run {run} for another request")
    raise PolicyRefusal(f"{country} is past round {round_} of run {run}: it has answered round {rows[-1][0]}")


def recall(
    connection: sqlite3.Connection, country: str, run: str, before: int, *, counted: int, plan: str
) -> dict[str, torch.Tensor]:
    """The memory as it stood when round `before` was first asked; empty in a run's first round.

    counted: the round whose update was the last to count, from which the federated model's part is taken; 0: none.
    Raises PolicyRefusal if the memory is of another plan, for what was learnt under one does not fit the other, and if
    that of `counted` is gone.
    """
    rows = dict(
        connection.execute(
            "SELECT round, memory FROM state WHERE country = ? AND run = ? AND round < ?", (country, run, before)
        ).fetchall()
    )
    if counted and counted not in rows:
        raise PolicyRefusal(
            f"{country} does not remember round {counted} of run {run} (its vault's file was restored or replaced?); "
            f"it cannot go on with this run"
        )
    if not rows:
        return {}
    last = max(rows)
    latest = _opened(rows[last], country, run, plan)
    federated = latest if counted == last else _opened(rows[counted], country, run, plan) if counted else {}
    return {name: value for name, value in latest.items() if not name.startswith(OF_UPDATE)} | {
        name: value for name, value in federated.items() if name.startswith(OF_UPDATE)
    }


def remember(connection: sqlite3.Connection, answered: Remembered) -> None:
    """Keep an answered round, inside the transaction that puts its release on the ledger; forget the oldest."""
    arrays = {name: np.asarray(value.numpy()) for name, value in answered.memory.items()}
    memory = encode(Frame(kind="memory", header={"plan": answered.plan}, arrays=arrays))
    key = (answered.country, answered.run, answered.round, answered.kind, answered.request)
    connection.execute("INSERT INTO state VALUES (?,?,?,?,?,?,?)", (*key, memory, answered.reply))
    connection.execute(
        "DELETE FROM state WHERE country = ? AND run = ? AND round != ? AND round NOT IN"
        " (SELECT round FROM state WHERE country = ? AND run = ? ORDER BY round DESC LIMIT ?)",
        (answered.country, answered.run, answered.counted, answered.country, answered.run, KEPT_ROUNDS),
    )


def _opened(memory: bytes, country: str, run: str, plan: str) -> dict[str, torch.Tensor]:
    frame = decode(memory)
    if frame.header["plan"] != plan:
        raise PolicyRefusal(f"{country} knows run {run} with another plan; a run keeps its plan, so start a new one")
    return {name: torch.from_numpy(value.copy()) for name, value in frame.arrays.items()}
