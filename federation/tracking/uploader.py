"""Sends one run's spool to MLflow, piece by piece. What has been sent is noted in the run's folder."""

import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from federation.errors import TrackingError
from federation.settings.address import recalled
from federation.settings.parts import TrackingSettings
from federation.tracking import cursor, spool
from federation.tracking.mlflow_writer import MlflowWriter
from federation.tracking.store import connect
from tasks.files.locking import try_lock

LOCK = "tracking.lock"
MOMENT = 0.05  # seconds


class Uploader:
    """Holds a lock on the run's records, for two senders at once would make every MLflow run twice.

    Opening and `advance` take seconds and raise TrackingError, or whatever MLflow, SQLite, HTTP or the disk raise.
    """

    def __init__(self, folder: Path, settings: TrackingSettings, runs: Path) -> None:
        self._folder = folder
        self._lock = (folder / LOCK).open("a")
        try:
            if not try_lock(self._lock):
                raise TrackingError(f"another process is sending the records of {folder.name}; wait for it to end")
            noted = cursor.load(folder)
            store = connect(replace(settings, uri=recalled(folder, settings.uri)), runs)
            writer = MlflowWriter(store, folder, noted.runs)
            if noted.store != store.uri or not noted.runs or not writer.known():
                noted = cursor.Cursor(store=store.uri, tried=noted.tried)
                writer = MlflowWriter(store, folder, {})
        except BaseException:
            self._lock.close()
            raise
        self._cursor = noted
        self._writer = writer

    def __enter__(self) -> "Uploader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process send."""
        self._lock.close()

    @property
    def done(self) -> int:
        """Bytes of the spool that MLflow has."""
        return self._cursor.done

    @property
    def refused(self) -> list[str]:
        """What MLflow will never take, and why."""
        return self._writer.refused

    def advance(self, upto: int) -> None:
        """Send the next piece of the spool, not past upto."""
        records, end = spool.read(self._folder / spool.NAME, self.done, upto)
        if not records:
            raise TrackingError(f"{self._folder / spool.NAME} is shorter than it was")
        self._note(tried=max(end, self._cursor.tried), done=self.done)
        self._writer.send(records)
        self._note(tried=self._cursor.tried, done=end)

    def _note(self, *, tried: int, done: int) -> None:
        self._cursor = cursor.Cursor(store=self._cursor.store, done=done, tried=tried, runs=self._writer.runs)
        cursor.save(self._folder, self._cursor)


def wait_for_others(folder: Path, seconds: float = 10.0) -> None:
    """Wait until no process sends the records of this run: one whose run was killed ends a moment after it.

    Raises TrackingError if it still does after so many seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + seconds
    with (folder / LOCK).open("a") as lock:
        while not try_lock(lock):
            if time.monotonic() > until:
                raise TrackingError(f"another process is sending the records of {folder.name}")
            time.sleep(MOMENT)  # flock has no time limit of its own
