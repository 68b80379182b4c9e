"""`scripts/prove ledger [COUNT [SEED]]`: a vault is killed, its files are cut off or swapped, its clock jumps.

Every trial copies a node that has served three rounds, does one of these things to it at random, and lets the
coordinator ask again, twice. What was done must be seen at once or at these contacts (the vault does not start, one
side refuses the other, a verification fails), or it must be harmless: both rounds are served, every update that the
coordinator ever took is on the vault's ledger once, and both ledgers verify. What must be seen may not be harmless,
and what a crash can do may not raise an alarm. Exit code 1 if one trial went otherwise.
"""

import os
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import ModuleType

from federation.deployment import certificates
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.node import own_ledger, signed_replies, vault_ledger, vault_process
from federation.deployment.node.settings import SOCKET, NodeSettings
from federation.deployment.node.vault_line import VaultAbsentError, exchange
from federation.errors import GotongError
from federation.vault import ledger, vault
from federation.wire.frame import Frame, decode, encode
from tasks.registry import TASKS
from tests import forked
from tests.deployment.pair import Coordinator, cut_last_row
from tests.deployment.signing import signer_in
from tests.deployment.test_hostile import first_request

COUNTRY, HEALTH = "SGP", TASKS["health"]
SERVED = 3  # rounds before a trial
PATIENCE = 60.0  # seconds for a vault to listen
HARMLESS, SEEN = "harmless", "seen"
CLOCKS: tuple[ModuleType, ...] = (certificates, signed_replies, vault_ledger, ledger, vault)


@dataclass(frozen=True, kw_only=True)
class Node:
    """The folder of a node and its coordinator. older: the vault's folder after one round.

    data: its records, if they lie elsewhere.
    """

    folder: Path
    older: Path
    frames: Mapping[int, bytes]
    country: str = COUNTRY
    data: Path | None = None

    @property
    def vault(self) -> Path:
        return self.folder / "vault"

    @property
    def line(self) -> Path:
        return self.folder / "line" / SOCKET


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is done to a vault that stands still, and how that may end."""

    do: Callable[[Node, Random], None]
    may: tuple[str, ...]


def serve(settings: str, shift: float) -> None:
    """A vault's process whose clock is wrong by some seconds."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=shift)

    for module in CLOCKS if shift else ():
        module.datetime = Clock  # type: ignore[attr-defined]
    sys.argv = ["vault", settings]
    vault_process.main()


@contextmanager
def running(node: Node, shift: float = 0.0) -> Iterator[int | None]:
    """A vault's process, by its id; None if it does not start."""
    node.line.unlink(missing_ok=True)
    settings = NodeSettings(country=node.country, data=str(node.data or node.folder / "data"), home=str(node.folder))
    log = node.folder / "vault.log"
    process = forked.start(node.folder, log, log, serve, settings.as_argument(), shift)
    try:
        until = time.monotonic() + PATIENCE
        while process.is_alive() and not _listens(node.line):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.01)
        yield process.pid if process.is_alive() else None
    finally:
        process.terminate()
        process.join(PATIENCE)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        return path.exists() and line.connect_ex(str(path)) == 0


def asked(node: Node, coordinator: Coordinator, round_: int) -> Frame | None:
    """A round's reply as the coordinator reads it; None if there was none."""
    try:
        return coordinator.ask(
            lambda request: exchange(node.line, request, lambda: None), round_=round_, frame=node.frames[round_]
        )
    except VaultAbsentError:
        return None


def prepared(folder: Path) -> Node:
    """A node after three rounds, and a backup of its vault after the first."""
    (folder / "data").mkdir(parents=True)
    (folder / "line").mkdir()
    HEALTH.synthesize(folder / "data", COUNTRY, 5, HEALTH.settings())
    (folder / "data" / "policy.toml").write_text('tasks = ["health"]\n')
    signer_in(folder, COUNTRY)
    node = Node(folder=folder, older=folder / "older", frames=_frames(folder))
    coordinator = _coordinator(node)
    for round_ in range(1, SERVED + 1):
        with running(node):
            reply = asked(node, coordinator, round_)
            assert reply is not None
            assert reply.kind == "update", reply.header
        _settle(node)
        if round_ == 1:
            shutil.copytree(node.vault, node.older)
    return node


def _settle(node: Node) -> None:
    """All of the ledger in its one file: a trial cuts that off, or swaps it."""
    with closing(sqlite3.connect(node.vault / "vault.sqlite", isolation_level=None)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _frames(folder: Path) -> dict[int, bytes]:
    """Requests of five rounds for the same weights."""
    last = SERVED + 2
    first = decode(first_request(folder, rounds_=last))
    return {
        round_: encode(replace(first, header={**first.header, "run": "r", "round": round_}))
        for round_ in range(1, last + 1)
    }


def _coordinator(node: Node) -> Coordinator:
    return Coordinator.of_node(node.folder / "coordinator", node.folder, COUNTRY)


def copied(node: Node, to: Path) -> Node:
    """A node to do something to, with a coordinator that has seen what the first one saw."""
    shutil.copytree(node.folder, to, ignore=shutil.ignore_patterns(SOCKET))
    return replace(node, folder=to, older=to / "older")


# What is done to a vault that stands still.


def cut_file(name: str) -> Callable[[Node, Random], None]:
    """A file loses its end, of any length."""

    def cut(node: Node, random: Random) -> None:
        path = node.vault / name
        os.truncate(path, random.randrange(path.stat().st_size))

    return cut


def cut_rows(node: Node, random: Random) -> None:
    """The last rows go, with the triggers that guard them and the seal that is kept of them."""
    for _ in range(random.randint(1, SERVED)):
        cut_last_row(node.vault / "vault.sqlite")


def cut_rows_and_heads(node: Node, random: Random) -> None:
    """The signed heads too, and the coordinator's statement: all that this machine has."""
    rows = random.randint(1, SERVED - 1)
    for _ in range(rows):
        cut_last_row(node.vault / "vault.sqlite")
    path = node.vault / vault_ledger.HEADS
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-rows]))
    with closing(sqlite3.connect(node.vault / "vault.sqlite", isolation_level=None)) as database:
        database.execute("DELETE FROM countersigned")


def restore(*names: str) -> Callable[[Node, Random], None]:
    """Files of the older backup take the place of the present ones."""

    def swap(node: Node, _: Random) -> None:
        for name in names:
            shutil.copy(node.older / name, node.vault / name)

    return swap


def restore_all(node: Node, _: Random) -> None:
    """The whole folder as it was after the first round."""
    shutil.rmtree(node.vault)
    shutil.copytree(node.older, node.vault)


def lose(*names: str) -> Callable[[Node, Random], None]:
    """Files are gone."""

    def unlink(node: Node, _: Random) -> None:
        for name in names:
            (node.vault / name).unlink()

    return unlink


def nothing(node: Node, random: Random) -> None:
    """A restart."""


TRIALS: Mapping[str, Trial] = {
    "the ledger's file cut off": Trial(do=cut_file("vault.sqlite"), may=(HARMLESS, SEEN)),
    "the heads' file cut off": Trial(do=cut_file(vault_ledger.HEADS), may=(HARMLESS,)),
    "rows cut off": Trial(do=cut_rows, may=(SEEN,)),
    "rows, heads and statement cut off": Trial(do=cut_rows_and_heads, may=(SEEN,)),
    "an older ledger": Trial(do=restore("vault.sqlite"), may=(SEEN,)),
    "older heads": Trial(do=restore(vault_ledger.HEADS), may=(HARMLESS,)),
    "an older ledger and its heads": Trial(do=restore("vault.sqlite", vault_ledger.HEADS), may=(SEEN,)),
    "an older vault": Trial(do=restore_all, may=(SEEN,)),
    "no ledger": Trial(do=lose("vault.sqlite"), may=(SEEN,)),
    "no heads": Trial(do=lose(vault_ledger.HEADS), may=(SEEN,)),
    "no ledger and no heads": Trial(do=lose("vault.sqlite", vault_ledger.HEADS), may=(SEEN,)),
}
CLOCK, KILL = "a clock that jumps", "kill -9"


def trial(prepared_node: Node, folder: Path, what: str, random: Random) -> str | None:
    """Do it; returns what went wrong, or None."""
    node = copied(prepared_node, folder)
    coordinator = _coordinator(node)
    if what == KILL:
        _killed(node, coordinator, random)
        may: tuple[str, ...] = (HARMLESS,)
        shift = 0.0
    elif what == CLOCK:
        shift = random.choice((-1, 1)) * 10 ** random.uniform(1, 9)  # ten seconds to thirty years
        may = (HARMLESS,) if abs(shift) < 3000 else (HARMLESS, SEEN)
    else:
        TRIALS[what].do(node, random)
        may, shift = TRIALS[what].may, 0.0
    outcome, why = _outcome(node, coordinator, shift)
    return None if outcome in may else f"{what}: {outcome}, not {' or '.join(may)}: {why}"


def _killed(node: Node, coordinator: Coordinator, random: Random) -> None:
    """In the middle of a round, once or twice; the courier sends the frame again when the vault is back."""
    for _ in range(random.randint(1, 2)):
        with running(node) as pid:
            assert pid is not None
            timer = threading.Timer(random.uniform(0, 1.2), os.kill, (pid, signal.SIGKILL))
            timer.start()
            try:
                asked(node, coordinator, SERVED + 1)
            finally:
                timer.join()


def _outcome(node: Node, coordinator: Coordinator, shift: float) -> tuple[str, str]:
    """Seen, harmless, or what is neither; and why."""
    with running(node, shift) as pid:
        if pid is None:
            return SEEN, "the vault does not start"
        for round_ in (SERVED + 1, SERVED + 2):
            reply = asked(node, coordinator, round_)
            if reply is None or reply.kind != "update":
                return SEEN, "no reply" if reply is None else str(reply.header.get("reason"))
    try:
        [*own_ledger.verify(node.folder, node.folder / "ca.pem")]
        [*coordinator_ledger.verify(coordinator.home)]
    except GotongError as error:
        return SEEN, str(error)
    with closing(own_ledger.open_own(node.folder)) as database:
        left = Counter(entry.digest for entry in ledger.entries(database) if entry.kind == "update")
    with closing(coordinator_ledger.open_own(coordinator.home)) as database:
        replies = [entry for entry in ledger.entries(database) if entry.kind == f"reply of {COUNTRY}"]
    taken = {entry.digest for entry in replies if entry.contents["kind"] == "update"}
    if set(left) != taken or set(left.values()) != {1} or len(left) != SERVED + 2:
        return "neither", f"{len(taken)} updates were taken, {len(left)} are on the ledger"
    return HARMLESS, ""


def trials(count: int, seed: int) -> Counter[str]:
    """So many trials, drawn from the seed. Raises AssertionError with all that went wrong; returns how many of each."""
    if __name__ not in forked.PRELOADED:  # else every start of a vault pays for the imports of this file
        forked.PRELOADED.append(__name__)
    random, wrong, done = Random(seed), [], Counter[str]()
    kinds = [*TRIALS, CLOCK, *[KILL] * len(TRIALS)]
    with TemporaryDirectory(prefix="gotong-") as name:
        node = prepared(Path(name) / "node")
        for number in range(count):
            what = kinds[number] if number < len(kinds) and count >= len(kinds) else random.choice(kinds)
            folder = Path(name) / f"trial-{number}"
            fault = trial(node, folder, what, random)
            wrong += [f"trial {number}: {fault}"] if fault is not None else []
            done[what] += 1
            shutil.rmtree(folder)
            if number % 10 == 9:
                print(f"{number + 1} of {count}, {len(wrong)} wrong", flush=True)
    assert not wrong, "\n".join(wrong)
    return done


def main() -> None:
    """Exit code 1 if a trial was neither seen nor harmless."""
    given = [int(word) for word in sys.argv[1:3]]
    count, seed = [*given, *(200, 1)[len(given) :]]
    try:
        done = trials(count, seed)
    except AssertionError as error:
        sys.exit(str(error))
    for what, times in sorted(done.items()):
        print(f"{times:>4}  {what}")
