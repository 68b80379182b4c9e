"""One process sending one run's spool, piece by piece. What has been sent is noted beside the spool."""

import fcntl
from pathlib import Path
from types import TracebackType

from federation.errors import TrackingError
from federation.settings.schema import TrackingSettings
from federation.tracking import cursor, spool
from federation.tracking.delivery import Delivery
from federation.tracking.store import connect


class Transfer:
    """Holds a lock on the run's records, for two senders at once would make every MLflow run twice.

    Opening and `advance` take seconds and raise TrackingError, or whatever MLflow, SQLite, HTTP or the disk raise.
    """

    def __init__(self, folder: Path, settings: TrackingSettings, runs: Path) -> None:
        self._folder = folder
        self._lock = (folder / "tracking.lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            noted = cursor.load(folder)
            store = connect(settings, runs)
            delivery = Delivery(store, folder, noted.runs)
            if noted.store != store.uri or not noted.runs or not delivery.known():
                noted = cursor.Sent(store=store.uri, tried=noted.tried)
                delivery = Delivery(store, folder, {})
        except BlockingIOError:
            self._lock.close()
            raise TrackingError(
                f"another process is sending the records of {folder.name}; wait for it to end"
            ) from None
        except BaseException:
            self._lock.close()
            raise
        self._sent = noted
        self._delivery = delivery

    def __enter__(self) -> "Transfer":
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
        return self._sent.done

    @property
    def refused(self) -> list[str]:
        """What MLflow will never take, and why."""
        return self._delivery.refused

    def advance(self, upto: int) -> None:
        """Send the next piece of the spool, not past upto."""
        records, end = spool.read(self._folder / spool.NAME, self.done, upto)
        if not records:
            raise TrackingError(f"{self._folder / spool.NAME} is shorter than it was")
        self._note(tried=max(end, self._sent.tried), done=self.done)
        self._delivery.send(records)
        self._note(tried=self._sent.tried, done=end)

    def _note(self, *, tried: int, done: int) -> None:
        self._sent = cursor.Sent(store=self._sent.store, done=done, tried=tried, runs=self._delivery.runs)
        cursor.save(self._folder, self._sent)
