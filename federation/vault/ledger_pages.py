"""A ledger for people: lines on a screen, and CSV or JSON for an auditor. No path of the machine is in either."""

import io
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from federation.errors import ConfigError
from federation.vault.ledger import Entry
from tasks.files.csv_output import Rows

COLUMNS = ("number", "at", "country", "run", "round", "kind", "bytes", "digest", "contents")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row. at: UTC, ISO 8601."""

    number: int
    at: str
    entry: Entry


def rows(connection: sqlite3.Connection, run: str | None = None, since: str | None = None) -> list[Row]:
    """All rows, of one run, or from a day on (ISO 8601, UTC), oldest first. Raises ConfigError for no day."""
    if since is not None:
        try:
            datetime.fromisoformat(since)
        except ValueError:
            raise ConfigError(
                f"since={since} is no day; write one as 2026-01-31, or with an hour 2026-01-31T12:00"
            ) from None
    found = connection.execute(
        "SELECT number, at, country, run, round, kind, digest, bytes, contents FROM ledger"
        " WHERE (:run IS NULL OR run = :run) AND (:since IS NULL OR at >= :since) ORDER BY number",
        {"run": run, "since": since},
    )
    names = list(Entry.__dataclass_fields__)
    return [
        Row(number=number, at=at, entry=Entry(**dict(zip(names, [*rest[:6], json.loads(rest[6])], strict=True))))
        for number, at, *rest in found
    ]


def lines(listed: Sequence[Row]) -> Iterator[str]:
    """One line a row, and one about all of them."""
    width = max([len(row.entry.run) for row in listed], default=0)
    kinds = max([len(row.entry.kind) for row in listed], default=0)
    for row in listed:
        entry = row.entry
        yield (
            f"{row.number:>6}  {row.at[:19].replace('T', ' ')}  {entry.run:<{width}}  round {entry.round:>4}  "
            f"{entry.kind:<{kinds}}  {entry.bytes:>11,} bytes  {described(entry.contents)}"
        ).rstrip()
    refused = sum(row.entry.kind == "refused" or row.entry.contents.get("kind") == "refused" for row in listed)
    runs = len({row.entry.run for row in listed})
    size = sum(row.entry.bytes for row in listed)
    yield f"{len(listed):,} rows of {runs:,} runs, {size:,} bytes, {refused:,} refusals"


def described(contents: Any) -> str:
    """What was inside, in words: counts, never values."""
    words = []
    if contents.get("examples"):
        words.append(f"{contents['examples']:,} examples")
    for key in ("arrays", "scores", "suppressed"):
        if contents.get(key):
            words.append(f"{len(contents[key])} {'rows suppressed' if key == 'suppressed' else key}")
    words += [str(contents[key]) for key in ("kind", "reason") if contents.get(key)]
    return ", ".join(words)


def as_json(listed: Sequence[Row]) -> str:
    """A list of objects, one a row."""
    return json.dumps([{"number": row.number, "at": row.at, **asdict(row.entry)} for row in listed], indent=1) + "\n"


def as_csv(listed: Sequence[Row]) -> str:
    """A line a row; `contents` is JSON. A cell that a spreadsheet would compute begins with an apostrophe."""
    file = io.StringIO()
    writer = Rows(file)
    writer.write(COLUMNS)
    for row in listed:
        values = {"number": row.number, "at": row.at, **asdict(row.entry)}
        values["contents"] = json.dumps(row.entry.contents, sort_keys=True)
        writer.write(values[name] for name in COLUMNS)
    return file.getvalue()
