"""`scripts/prove budget [COUNT [SEED]]`: a vault is killed while it releases; no release is ever without its charge.

Every trial is a process that serves rounds of runs under differential privacy and hands each reply on the moment it
has it, until it is killed, at random. Then the vault's file must hold a charge for every reply that was handed on, and
may hold one more, of a reply that was not; what it says is spent is no less than what those replies cost; charges and
ledger are whole; and the last request again gets the bytes that were handed on, if they were. Exit code 1 if not.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest.mock import patch

from federation.privacy.accountant import epsilon, total
from federation.privacy.mechanism import charges_of
from federation.settings.parts import PrivacySettings
from federation.settings.plan import Plan
from federation.vault import ledger
from federation.vault.database import open_database
from federation.vault.noised import budget
from federation.wire.frame import decode
from tasks.registry import TASKS
from tests.federation.federations import write_policy
from tests.federation.toy import TOY
from tests.federation.vault.requesting import plan_of, reply_bytes, request_bytes, vault_in

COUNTRY, DELTA = "VNM", 1e-5
LONGEST = 0.4  # seconds until a kill
UNBOUNDED = "".join(f"{key} = 1_000_000_000\n" for key in ("runs_per_day", "runs_per_month", "rounds_per_month"))
Served = dict[tuple[str, int], bytes]


def plan() -> Plan:
    """Of runs that cost next to nothing, so that the budget outlasts all trials."""
    privacy = PrivacySettings(epsilon=0.05, score_epsilon=0.01)
    return plan_of(protection="differential_privacy", arms=["federated"], privacy=privacy, rounds=3)


def requests(run: str) -> Iterator[tuple[str, int, bytes]]:
    """Kind, round and frame of all requests of a run."""
    for kind, round_ in (("train", 1), ("train", 2), ("train", 3), ("test", 5)):
        yield kind, round_, request_bytes(kind, round_, plan(), run=run)


def serve(folder: Path, first: int, line: Connection) -> None:
    """Serve one run after another, from run number `first` on, until this process is killed."""
    TASKS[TOY.name] = TOY
    vault = vault_in(folder, COUNTRY)
    for number in range(first, first + 1000):
        for kind, round_, request in requests(f"run-{number}"):
            line.send((f"run-{number}", round_, kind, reply_bytes(vault, request)))


def killed(folder: Path, first: int, after: float) -> list[tuple[str, int, str, bytes]]:
    """What a process handed on before it was killed; the time counts from its first reply on."""
    context = get_context("fork")
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(folder, first, its))
    process.start()
    its.close()
    replies = []
    try:
        replies.append(mine.recv())
        until = time.monotonic() + after
        while (left := until - time.monotonic()) > 0:
            if mine.poll(left):
                replies.append(mine.recv())
    finally:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    try:
        while mine.poll():  # what it sent and this process has not read
            replies.append(mine.recv())
    except (EOFError, OSError):
        pass  # the end, or a reply cut off in the middle: it was not handed on
    return replies


def check(folder: Path, served: Served, costs: list[tuple[str, int, str]]) -> int:
    """Number of charges, if they hold all that was handed on. Raises AssertionError or LedgerError."""
    with closing(open_database(folder / "vault.sqlite")) as database:
        ledger.verify(database)
        count = budget.verify(database)
        rows = database.execute("SELECT run, round FROM charges WHERE country = ?", (COUNTRY,)).fetchall()
        missing = set(served) - {(run, round_) for run, round_ in rows}
        assert not missing, f"handed on without a charge: {sorted(missing)}"
        owed = [charge for _, _, kind in costs for charge in charges_of(plan(), kind, learns=True)]
        spent = budget.spent(budget.spendings(database, COUNTRY), DELTA)
        assert spent >= epsilon(total(owed), DELTA) - 1e-9, f"{spent} is said to be spent"
    return count


def trials(count: int, seed: int) -> int:
    """So many kills of one vault; returns how many replies were handed on. Raises AssertionError."""
    with patch.dict(TASKS, {TOY.name: TOY}):
        return _trials(count, seed)


def _trials(count: int, seed: int) -> int:
    random, served, costs = Random(seed), Served(), list[tuple[str, int, str]]()
    with TemporaryDirectory(prefix="gotong-") as name:
        folder = Path(name)
        vault_in(folder, COUNTRY).database.close()
        write_policy(folder / COUNTRY, UNBOUNDED)
        for number in range(count):
            replies = killed(folder, 1000 * number, random.uniform(0, LONGEST))
            assert all(decode(data).kind != "refused" for *_, data in replies), "a refusal, which costs nothing"
            served |= {(run, round_): data for run, round_, _, data in replies}
            costs += [(run, round_, kind) for run, round_, kind, _ in replies]
            check(folder, served, costs)
            run, round_, kind, data = replies[-1]
            vault = vault_in(folder, COUNTRY)
            again = reply_bytes(vault, request_bytes(kind, round_, plan(), run=run))
            vault.database.close()
            assert again == data or _later(folder, run, round_), "another noise for a round"
            if number % 10 == 9:
                print(f"{number + 1} of {count} kills, {len(served)} replies, all charged", flush=True)
    return len(served)


def _later(folder: Path, run: str, round_: int) -> bool:
    """Whether the vault released a later round of the run, whose reply the kill kept back."""
    with closing(open_database(folder / "vault.sqlite")) as database:
        query = "SELECT 1 FROM charges WHERE run = ? AND round > ?"
        return database.execute(query, (run, round_)).fetchone() is not None


def main() -> None:
    """Exit code 1 if a reply left without its charge."""
    given = [int(word) for word in sys.argv[1:3]]
    count, seed = [*given, *(200, 1)[len(given) :]]
    try:
        print(f"{trials(count, seed)} replies handed on over {count} kills, each with its charge")
    except AssertionError as error:
        sys.exit(str(error))
