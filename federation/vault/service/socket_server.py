"""The vault's socket: one frame in, one frame out, from known users of this machine, within limits.

A caller writes its frame and closes its half; the reply comes back and the connection ends. Frames are served one at a
time and in one thread: a vault has one ledger, one model and one device. No caller waits for another to write or read.

Checked are, one after another: the caller's user, before a byte is read; how many frames came in this minute, and the
size, in which case the frame is dropped as it comes; the header alone, for the table of arrivals; how many frames of
its run came; and then, by `respond`, the country's pause and policy.
"""

import logging
import os
import socket
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from federation.errors import GotongError, WireError
from federation.vault.service.callers import Caller, Callers
from federation.wire.frame import Frame, digest, encode, read_header
from federation.wire.signature import frame_of

QUEUE = 8  # callers that the kernel holds while a frame is served
MINUTE = 60.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS arrivals (
  number INTEGER PRIMARY KEY, at TEXT NOT NULL, uid INTEGER NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT NULL,
  kind TEXT NOT NULL, run TEXT NOT NULL, round TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS arrivals_keep BEFORE UPDATE ON arrivals
  BEGIN SELECT RAISE(ABORT, 'arrivals are append-only'); END;
CREATE TRIGGER IF NOT EXISTS arrivals_hold BEFORE DELETE ON arrivals
  BEGIN SELECT RAISE(ABORT, 'arrivals are append-only'); END;
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """users: who may call (uid). largest: bytes of a frame.

    per_minute: frames of all runs together. per_run: of one run, so that none takes what others need.
    """

    users: frozenset[int]
    largest: int
    per_minute: int
    per_run: int


class Service:
    """Listens on a Unix socket and hands frames to `respond`, which returns the reply's frame.

    refuse: makes the reply to a frame that is not handed on, from the reason.
    """

    def __init__(
        self,
        path: Path,
        *,
        database: sqlite3.Connection,
        respond: Callable[[bytes], bytes],
        limits: Limits,
        refuse: Callable[[str], bytes] | None = None,
    ) -> None:
        self._path, self._database, self._respond, self._limits = path, database, respond, limits
        self._refused = refuse or _refused
        self._recent: deque[float] = deque()
        self._of_runs: dict[str, deque[float]] = {}
        self._unread = 0  # frames that were refused for their size or number since the last that was looked at
        database.executescript(SCHEMA)

    def listen(self, group: int | None = None) -> socket.socket:
        """The bound socket, for its owner alone, or also for one group. Raises GotongError."""
        self._path.unlink(missing_ok=True)  # left by a vault that was killed
        line = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)  # never open to others, not even for a moment
        try:
            line.bind(str(self._path))
            if group is not None:
                os.chown(self._path, -1, group)
                self._path.chmod(0o660)
            line.listen(QUEUE)
        except OSError as error:
            line.close()
            raise GotongError(f"{self._path}: {error.strerror or error}; choose a shorter or writable home=") from None
        finally:
            os.umask(before)
        return line

    def serve(self, line: socket.socket) -> None:
        """Reply until interrupted. A caller's fault ends its connection, never the service."""
        with closing(
            Callers(line, users=self._limits.users, largest=self._limits.largest, admit=self._admit)
        ) as callers:
            while True:
                caller = callers.next()
                callers.reply(caller, self._reply_to(caller))

    def _reply_to(self, caller: Caller) -> bytes:
        if caller.refusal is None:
            return self._reply(caller.frame(), caller.uid)
        self._unread += 1
        return self._refused(caller.refusal)

    def _admit(self) -> str | None:
        if _within(self._recent, self._limits.per_minute):
            return None
        return f"more than {self._limits.per_minute} frames came within a minute; send fewer"

    def _reply(self, data: bytes, uid: int) -> bytes:
        run = self._record(data, uid)
        if not self._within_run(run):
            return self._refused(f"more than {self._limits.per_run} frames of one run came within a minute; send fewer")
        try:
            return self._respond(data)
        except Exception:  # a crafted frame must not end the service; what went wrong is for the country's eyes only
            log.exception("a frame could not be served")
            return self._refused("this frame could not be served; see the log of its node")

    def _record(self, data: bytes, uid: int) -> str:
        """Every frame that is looked at is written down first; of those that were not, how many there were. Its run."""
        if self._unread:
            self._write(uid, b"", f"{self._unread} frames refused unread")
            self._unread = 0
        kind = run = round_ = ""
        try:
            header = read_header(frame_of(data))
            kind = header.kind[:40]
            run, round_ = str(header.header.get("run", ""))[:200], str(header.header.get("round", ""))[:20]
        except WireError as error:
            kind = f"damaged: {error}"[:200]
        self._write(uid, data, kind, run, round_)
        return run

    def _write(self, uid: int, data: bytes, kind: str, run: str = "", round_: str = "") -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._database.execute(
            "INSERT INTO arrivals (at, uid, digest, bytes, kind, run, round) VALUES (?,?,?,?,?,?,?)",
            (at, uid, _digest(data), len(data), kind, run, round_),
        )

    def _within_run(self, run: str) -> bool:
        now = monotonic()
        self._of_runs = {name: times for name, times in self._of_runs.items() if now - times[-1] <= MINUTE}
        times = self._of_runs.get(run, deque())
        if not _within(times, self._limits.per_run):
            return False
        self._of_runs[run] = times
        return True


def _within(times: deque[float], most: int) -> bool:
    """Whether one more may come now; if so it is counted."""
    now = monotonic()
    while times and now - times[0] > MINUTE:
        times.popleft()
    if len(times) >= most:
        return False
    times.append(now)
    return True


def _digest(data: bytes) -> str:
    """Of the frame alone, however it was signed: the coordinator's ledger has the same."""
    try:
        return digest(bytes(frame_of(data)))
    except WireError:
        return digest(data)


def _refused(reason: str) -> bytes:
    return encode(Frame(kind="refused", header={"reason": reason}))
