"""A socket between a courier and its vault that holds a frame where a test wants it held."""

import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from time import sleep

from federation.wire.frame import decode
from federation.wire.signature import frame_of

REQUEST, TRAINING, REPLY = "request", "training", "reply"
LONGEST = 120.0  # seconds a frame is held at most: a test that fails must not hang


class Interceptor:
    """A socket at `outer` that passes frames on to the one at `inner`, one at a time, as a vault serves them.

    arrived: how many frames the vault has written down. freeze: stops the vault where it is. Both for `TRAINING` alone.
    """

    def __init__(self, outer: Path, inner: Path, *, arrived: Callable[[], int], freeze: Callable[[], None]) -> None:
        self._inner, self._arrived, self._freeze = inner, arrived, freeze
        self._hold: tuple[str, int] | None = None
        self.held, self._go = threading.Event(), threading.Event()
        self.passed = 0  # bytes, both ways together
        self.replies: list[bytes] = []
        outer.parent.mkdir(parents=True, exist_ok=True)
        self._line = socket.socket(socket.AF_UNIX)
        self._line.bind(str(outer))
        self._line.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def hold(self, where: str, round_: int) -> None:
        """Hold the next frame of this round: before the vault has it, while it trains, or when it has replied."""
        self.held.clear()
        self._go.clear()
        self._hold = (where, round_)

    def let_go(self) -> None:
        """Pass on what is held, if its sender is still there."""
        self._hold = None
        self._go.set()

    def close(self) -> None:
        """Pass nothing any more."""
        self.let_go()
        self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()
        self._thread.join(LONGEST)

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._line.accept()
            except OSError:  # closed by the test
                return
            with caller:
                try:
                    self._pass(caller)
                except OSError:  # a vault or a courier that was killed; the other side will notice
                    continue

    def _pass(self, caller: socket.socket) -> None:
        request = _all_of(caller)
        round_ = int(decode(frame_of(request)).header.get("round", 0))
        self._stop_at(REQUEST, round_)
        if _gone(caller):
            return
        with socket.socket(socket.AF_UNIX) as vault:
            vault.connect(str(self._inner))
            before = self._arrived()
            vault.sendall(request)
            vault.shutdown(socket.SHUT_WR)
            if self._hold == (TRAINING, round_):
                while self._arrived() == before:
                    sleep(0.002)  # SQLite does not notify
                self._freeze()
            self._stop_at(TRAINING, round_)
            reply = _all_of(vault)
        self._stop_at(REPLY, round_)
        self.passed += len(request) + len(reply)
        self.replies.append(reply)
        caller.sendall(reply)

    def _stop_at(self, where: str, round_: int) -> None:
        if self._hold == (where, round_):
            self._hold = None
            self.held.set()
            assert self._go.wait(LONGEST)


def _all_of(line: socket.socket) -> bytes:
    parts = []
    while part := line.recv(2**20):
        parts.append(part)
    return b"".join(parts)


def _gone(caller: socket.socket) -> bool:
    """Whether the caller is there no more: it closed both halves, not only its own."""
    poll = select.poll()
    poll.register(caller, select.POLLHUP)
    return bool(poll.poll(0))
