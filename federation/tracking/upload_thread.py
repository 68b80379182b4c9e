"""A thread that sends a run's records while the run goes on.

A thread, because MLflow takes seconds to import and to make its store, 20 s to notice a locked one and for ever to talk
to a frozen server, and none of that may slow or spoil training. It is a daemon: no process waits for MLflow to exit.
"""

import threading
from pathlib import Path

from federation.settings.schema import TrackingSettings
from federation.tracking.store import quiet
from federation.tracking.uploader import Transfer

LINGER = 2.0  # seconds between two sendings: batches of several rounds cost a tenth of single ones
RETRY = 5.0  # seconds before MLflow is tried again


class Sender:
    """`allow` says how much of the spool may be sent; `finish` waits for it, for a bounded time. Neither raises."""

    def __init__(self, folder: Path, settings: TrackingSettings, runs: Path) -> None:
        self._folder, self._settings, self._runs = folder, settings, runs
        self._changed = threading.Condition()
        self._allowed = 0
        self._finishing = False
        self._ended = False
        self._reason = "it has not answered yet"
        self._transfer: Transfer | None = None
        self._thread = threading.Thread(target=self._run, name="gotong-tracking", daemon=True)

    def start(self) -> None:
        quiet()  # here, because no other thread may read the environment while it changes
        self._thread.start()

    def allow(self, length: int) -> None:
        """The first `length` bytes of the spool are durable and may be sent."""
        with self._changed:
            self._allowed = length
            self._changed.notify_all()

    def finish(self, patience: float) -> str:
        """Wait until all is sent, one more attempt has failed, or patience (seconds) is over; '' or what is wrong."""
        with self._changed:
            self._finishing = True
            self._reason = self._reason or "it is slow"
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ended, timeout=patience)
            return self._reason

    def _run(self) -> None:
        while not self._ended:
            with self._changed:
                self._changed.wait_for(lambda: self._finishing or self._allowed > self._done)
                finishing, allowed = self._finishing, self._allowed
            pause = LINGER
            try:
                reason = self._send(allowed)
            except Exception as error:  # HTTP, SQL, disk: whatever MLflow meets must not reach the run
                reason, pause = one_line(error), RETRY
            if finishing and self._transfer:
                self._transfer.close()
            with self._changed:
                self._reason, self._ended = reason, finishing
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._finishing, timeout=pause)

    @property
    def _done(self) -> int:
        return self._transfer.done if self._transfer else 0

    def _send(self, upto: int) -> str:
        if self._transfer is None:
            self._transfer = Transfer(self._folder, self._settings, self._runs)
        while self._transfer.done < upto:
            self._transfer.advance(upto)
        refused = self._transfer.refused
        return f"{len(refused)} records are not as it wants them, the first: {refused[0]}" if refused else ""


def one_line(error: BaseException) -> str:
    """An error as a short line for a person."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:99]} … {text[-98:]}"  # what was tried, and why it failed
