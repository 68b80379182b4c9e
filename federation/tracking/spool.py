"""A run's records on the run's own disk, one JSON line each, before anything is sent anywhere.

MLflow can be slow or dead, and a run can be killed at any moment, so records are written here first. A checkpoint holds
the length the spool had when it was made. A resumed run cuts the spool back to that length and writes the rest again;
but what may have reached MLflow already cannot be taken back, so those records stay, and a metric that is there for a
country and a step is not written a second time.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from federation.errors import TrackingError

Record = Mapping[str, Any]
NAME = "tracking.jsonl"


class Spool:
    """Append-only records; `flush` makes them durable. Every method raises OSError where the disk refuses."""

    def __init__(self, path: Path, *, committed: int, tried: int) -> None:
        """Cut the file back to what is committed or was tried to be sent, whichever is longer, and append to it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        keep = _whole_lines(path, max(committed, tried))
        self._file.truncate(keep)
        self._written = {row for record in read_all(path) for row in _rows(record)}

    def put(self, record: Record) -> None:
        """Append one record; a metric that was there before this process began is not written again."""
        if record["do"] == "metrics":
            record = {**record, "values": self._not_yet_written(record)}
            if not record["values"]:
                return
        self._file.write(json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n")

    def flush(self) -> int:
        """Flush to the disk and return the length in bytes: what a checkpoint may promise and a sender may send."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def _not_yet_written(self, record: Record) -> dict[str, float | str]:
        return {
            row[-1]: value if math.isfinite(value) else str(value)  # JSON has no NaN; float() reads both
            for row, value in zip(_rows(record), record["values"].values(), strict=True)
            if row not in self._written
        }


def read(path: Path, start: int, stop: int, *, chunk: int = 1 << 18) -> tuple[list[Record], int]:
    """Up to about `chunk` bytes of whole records from start, never past stop, and where the next ones begin.

    Raises OSError, and TrackingError for a damaged file.
    """
    with path.open("rb") as file:
        file.seek(start)
        lines = file.readlines(min(chunk, stop - start)) if stop > start else []
    records = []
    for line in lines:
        if start + len(line) > stop or not line.endswith(b"\n"):
            break
        try:
            records.append(json.loads(line))
        except ValueError:
            raise TrackingError(f"{path} is damaged at byte {start}") from None
        start += len(line)
    return records, start


def read_all(path: Path) -> Iterator[Record]:
    """All whole records of a spool, in order; none if there is no such file."""
    start = 0
    while path.exists():
        records, end = read(path, start, path.stat().st_size)
        if not records:
            return
        yield from records
        start = end


def _whole_lines(path: Path, length: int) -> int:
    """The largest end of a line at or before length."""
    with path.open("rb") as file:
        return file.read(length).rfind(b"\n") + 1


def _rows(record: Record) -> list[tuple[str | None, int, str]]:
    return [(record["country"], record["step"], name) for name in record["values"]] if record["do"] == "metrics" else []
