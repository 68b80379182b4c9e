"""What a vault keeps of a run, by round: its own memory, and the reply it gave.

A repeated request gets the stored reply, so nothing is trained or charged twice. Memory advances when the next round
arrives, so a round that is requested again starts from the same memory. What belongs to the federated model advances
only with updates that were aggregated: the request says which was the last. A reply that was lost or refused on its way
leaves no trace in it; a country's own local model advances regardless.
"""

import sqlite3
from dataclasses import dataclass

import numpy as np
import torch

from federation.errors import PolicyRefusal
from federation.settings.upgrade import OLDEST
from federation.training.jobs import Tensors
from federation.wire.frame import STORED, VERSION, Frame, decode, encode, version_of

KEPT_ROUNDS = 2  # this one, and the one before, from which this one can be repeated; the last aggregated one stays too
OF_UPDATE = ("strategy/", "private/")  # what belongs to the federated model


@dataclass(frozen=True, kw_only=True)
class RoundRecord:
    """One round that was replied to. request, plan: digests of the request's frame and of the plan in it.

    last_aggregated: the last round before this one whose aggregate holds this country's update; 0: none. The next round
    may have to start from it.
    """

    country: str
    run: str
    round: int
    kind: str
    last_aggregated: int
    request: str
    plan: str
    memory: Tensors
    reply: bytes


def stored_reply(connection: sqlite3.Connection, country: str, run: str, round_: int, request: str) -> bytes | None:
    """The reply already given to this very request, or None if the round is new.

    Raises PolicyRefusal if another request of this round, a later round or the run's test had a reply: a test that
    every model could have would not be a test.
    """
    rows = connection.execute(
        "SELECT round, request, reply FROM state WHERE country = ? AND run = ? AND round >= ? ORDER BY round",
        (country, run, round_),
    ).fetchall()
    if not rows:
        tested = "SELECT 1 FROM state WHERE country = ? AND run = ? AND kind = 'test'"
        if connection.execute(tested, (country, run)).fetchone():
            raise PolicyRefusal(f"{country} has replied to the test of run {run}; nothing comes after it")
        return None
    if rows[0][0] == round_ and rows[0][1] == request:
        return bytes(rows[0][2])
    if rows[0][0] == round_:
        raise PolicyRefusal(f"{country} has replied to another request of round {round_} of run {run}")
    raise PolicyRefusal(f"{country} is past round {round_} of run {run}: it has replied to round {rows[-1][0]}")


def memory_before(
    connection: sqlite3.Connection, country: str, run: str, round_: int, *, last_aggregated: int, plan: str
) -> dict[str, torch.Tensor]:
    """The memory as it stood when this round was first requested; empty in a run's first round.

    last_aggregated: the round from which the federated model's part is taken; 0: none.
    Raises PolicyRefusal if the memory is of another plan or version, for what was learnt under one does not fit the
    other, and if that of the last aggregated round is gone.
    """
    rows = dict(
        connection.execute(
            "SELECT round, memory FROM state WHERE country = ? AND run = ? AND round < ?", (country, run, round_)
        ).fetchall()
    )
    if last_aggregated and last_aggregated not in rows:
        raise PolicyRefusal(
            f"{country} has no memory of round {last_aggregated} of run {run} (its vault's file was restored or "
            f"replaced?); it cannot go on with this run"
        )
    if not rows:
        return {}
    last = max(rows)
    latest = _opened(rows[last], country, run, plan)
    federated: dict[str, torch.Tensor] = {}
    if last_aggregated:
        federated = latest if last_aggregated == last else _opened(rows[last_aggregated], country, run, plan)
    return {name: value for name, value in latest.items() if not name.startswith(OF_UPDATE)} | {
        name: value for name, value in federated.items() if name.startswith(OF_UPDATE)
    }


def plan_of(connection: sqlite3.Connection, country: str, run: str) -> str | None:
    """The digest of a run's plan; None where nothing is kept of the run."""
    row = connection.execute(
        "SELECT memory FROM state WHERE country = ? AND run = ? ORDER BY round DESC LIMIT 1", (country, run)
    ).fetchone()
    return None if row is None else str(decode(row[0], accepted=STORED).header["plan"])


def memory_of_test(connection: sqlite3.Connection, country: str, run: str) -> dict[str, torch.Tensor] | None:
    """What was kept with the test of a run; None if the country has not replied to it, or forgot it."""
    query = "SELECT memory FROM state WHERE country = ? AND run = ? AND kind = 'test'"
    row = connection.execute(query, (country, run)).fetchone()
    if row is None:
        return None
    return {name: torch.from_numpy(value.copy()) for name, value in decode(row[0], accepted=STORED).arrays.items()}


def store_round(connection: sqlite3.Connection, record: RoundRecord) -> None:
    """Keep a round, inside the transaction that puts its release on the ledger; drop the oldest."""
    arrays = {name: np.asarray(value.numpy()) for name, value in record.memory.items()}
    memory = encode(Frame(kind="memory", header={"plan": record.plan}, arrays=arrays))
    key = (record.country, record.run, record.round, record.kind, record.request)
    connection.execute("INSERT INTO state VALUES (?,?,?,?,?,?,?)", (*key, memory, record.reply))
    connection.execute(
        "DELETE FROM state WHERE country = ? AND run = ? AND round != ? AND round NOT IN"
        " (SELECT round FROM state WHERE country = ? AND run = ? ORDER BY round DESC LIMIT ?)",
        (record.country, record.run, record.last_aggregated, record.country, record.run, KEPT_ROUNDS),
    )


def store_model(connection: sqlite3.Connection, country: str, run: str, round_: int, digest: str) -> None:
    """Remember which model came with a round, for a test whose model is a mean of some of them."""
    connection.execute("INSERT INTO models VALUES (?,?,?,?)", (country, run, round_, digest))


def models_seen(connection: sqlite3.Connection, country: str, run: str) -> dict[int, str]:
    """Round -> digest of the model that came with it."""
    rows = connection.execute("SELECT round, digest FROM models WHERE country = ? AND run = ?", (country, run))
    return dict(rows.fetchall())


def store_tested(connection: sqlite3.Connection, country: str, run: str, digest: str) -> None:
    """Remember the tested model of a run whose models this country bounded: it may be a later run's champion."""
    connection.execute("INSERT OR IGNORE INTO tested VALUES (?,?,?)", (country, digest, run))


def models_tested(connection: sqlite3.Connection, country: str) -> frozenset[str]:
    """Digests of them."""
    return frozenset(
        digest for (digest,) in connection.execute("SELECT digest FROM tested WHERE country = ?", (country,))
    )


def _opened(memory: bytes, country: str, run: str, plan: str) -> dict[str, torch.Tensor]:
    frame = decode(memory, accepted=STORED)
    if version_of(memory) != VERSION:
        raise PolicyRefusal(f"{country} began run {run} with {OLDEST}; finish it with that version, or start a new run")
    if frame.header["plan"] != plan:
        raise PolicyRefusal(f"{country} knows run {run} with another plan; a run keeps its plan, so start a new one")
    return {name: torch.from_numpy(value.copy()) for name, value in frame.arrays.items()}
