"""All callers of a vault's socket at one time: their frames are read and their replies written, none waits for another.

A caller has a few seconds of the time in which the vault listens; while it trains, no clock runs. Callers of one user
share one frame's worth of memory, so a user who stalls stands in nobody's way but his own.
"""

import logging
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from time import monotonic

EACH = 8  # callers of one user that are read at one time
SECONDS = 10.0  # of listening in which a frame must arrive, and again in which its reply must be read
AT_ONCE = 0.1  # seconds in which a caller that reads has its reply before another frame is served
PART = 2**18  # bytes read or written at a time
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED

log = logging.getLogger(__name__)


@dataclass(eq=False, kw_only=True)
class Caller:
    """A connection. left: seconds. refusal: why its frame is dropped unread. reply: what is still to be written."""

    line: socket.socket
    uid: int
    left: float
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    refusal: str | None = None
    reply: memoryview | None = None

    def refuse(self, reason: str) -> None:
        """Drop what was read, and what is still to come."""
        self.refusal, self.parts, self.size = reason, [], 0

    def frame(self) -> bytes:
        """What it sent."""
        data = b"".join(self.parts)
        self.parts, self.size = [], 0
        return data


class Callers:
    """Callers of a listening socket. admit: why a user's frame is not read, None if it is; users: who may call."""

    def __init__(
        self, listening: socket.socket, *, users: frozenset[int], largest: int, admit: Callable[[], str | None]
    ) -> None:
        self._listening, self._users, self._largest, self._admit = listening, users, largest, admit
        self._all: list[Caller] = []
        self._complete: deque[Caller] = deque()
        self._selector = DefaultSelector()
        self._selector.register(listening, EVENT_READ)

    def next(self) -> Caller:
        """Wait for a caller that has sent its frame. Raises OSError if the listening socket is closed."""
        while not self._complete:
            before, waiting = monotonic(), list(self._all)
            ready = self._selector.select(min((each.left for each in self._all), default=None))
            passed = monotonic() - before
            for key, _ in ready:
                if key.data is None:
                    self._accept()
                else:
                    self._advance(key.data)
            for each in waiting:  # whoever came meanwhile has all of its time
                each.left -= passed
                if each.left <= 0:
                    self._close(each)
        return self._complete.popleft()

    def reply(self, caller: Caller, data: bytes) -> None:
        """Write a reply and end the connection: now, or in the course of `next` where the caller reads slowly."""
        caller.reply, caller.left = memoryview(data), SECONDS
        self._all.append(caller)
        self._selector.register(caller.line, EVENT_WRITE, caller)
        until = monotonic() + AT_ONCE
        caller.line.settimeout(AT_ONCE)
        while caller in self._all and monotonic() < until:
            self._advance(caller)
        if caller in self._all:
            caller.line.setblocking(False)

    def close(self) -> None:
        """End all connections; the listening socket is its owner's."""
        for each in (*self._all, *self._complete):
            each.line.close()
        self._selector.close()

    def _accept(self) -> None:
        line, _ = self._listening.accept()
        line.setblocking(False)
        _, uid, _ = CREDENTIALS.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
        if uid not in self._users:
            log.warning("user %d may not call; refused unread", uid)
            line.close()
            return
        own = [each for each in self._all if each.uid == uid]
        if len(own) >= EACH:
            self._close(own[0])
        caller = Caller(line=line, uid=uid, left=SECONDS, refusal=self._admit())
        self._all.append(caller)
        self._selector.register(line, EVENT_READ, caller)

    def _advance(self, caller: Caller) -> None:
        try:
            if caller.reply is None:
                self._read(caller)
                return
            caller.reply = caller.reply[caller.line.send(caller.reply[:PART]) :]
            if not caller.reply:
                self._close(caller)
        except (BlockingIOError, TimeoutError):
            pass
        except OSError:  # it went away
            self._close(caller)

    def _read(self, caller: Caller) -> None:
        part = caller.line.recv(PART)
        if not part:
            self._selector.unregister(caller.line)
            self._all.remove(caller)
            self._complete.append(caller)
        elif caller.refusal is None:
            caller.parts.append(part)
            caller.size += len(part)
            if sum(each.size for each in (*self._all, *self._complete) if each.uid == caller.uid) > self._largest:
                limit = f"{self._largest:,} bytes, the limit of this vault"
                caller.refuse(f"a frame is larger than {limit}; for several at one time it is the same")

    def _close(self, caller: Caller) -> None:
        if caller in self._all:
            self._all.remove(caller)
            self._selector.unregister(caller.line)
            caller.line.close()
