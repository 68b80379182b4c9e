"""The ledger: one row for everything that left a vault, written before it leaves. Append-only; rows are chained.

SQLite, one file a node; in a simulation one file for all countries. Each row seals the one before it, so a row that is
changed, removed or inserted later breaks the chain of its country, and `heads` keeps the last seal of each. That shows
mistakes and hasty hands. Nothing in the file is keyed: a deployed vault signs its heads (`ledger_heads`), and the
coordinator and the other members keep them.

A ledger of an earlier version is continued: no row is ever rewritten, so the contents of old rows keep that
version's names (`withheld` where later rows say `suppressed`, and the old name of `excluded_period`).
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from federation.errors import LedgerError
from federation.wire.signature import Head

FIRST = "0" * 64


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What left. contents: names, shapes and counts of what was inside; digest: SHA-256 of the frame."""

    country: str
    run: str
    round: int
    kind: str
    digest: str
    bytes: int
    contents: Mapping[str, Any]


def enter(connection: sqlite3.Connection, entry: Entry) -> None:
    """Append a row; the same entry again is the same release and adds nothing.

    Raises LedgerError if something else was already released under this country, run, round and kind.
    """
    key = (entry.country, entry.run, entry.round, entry.kind)
    known = connection.execute(
        "SELECT digest FROM ledger WHERE country = ? AND run = ? AND round = ? AND kind = ?", key
    ).fetchone()
    if known is not None:
        if known[0] != entry.digest:
            raise LedgerError(
                f"{entry.country} already released another {entry.kind} for run {entry.run}, round {entry.round}"
            )
        return
    append(connection, entry)


def append(connection: sqlite3.Connection, entry: Entry) -> None:
    """Append a row, whatever is there already."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    last = connection.execute("SELECT seal FROM heads WHERE country = ?", (entry.country,)).fetchone()
    contents = json.dumps(entry.contents, sort_keys=True)
    row = (entry.country, entry.run, entry.round, entry.kind, at, entry.digest, entry.bytes, contents)
    connection.execute(
        "INSERT INTO ledger (country, run, round, kind, at, digest, bytes, contents, seal) VALUES (?,?,?,?,?,?,?,?,?)",
        (*row, _seal(FIRST if last is None else last[0], row)),
    )


def other_runs_begun(connection: sqlite3.Connection, country: str, run: str, since: datetime) -> int | None:
    """How many runs other than this one got their first reply since then (in UTC); None if this one has begun."""
    if connection.execute("SELECT 1 FROM ledger WHERE country = ? AND run = ?", (country, run)).fetchone():
        return None
    query = (
        "SELECT count(*) FROM (SELECT min(at) AS first FROM ledger WHERE country = ? GROUP BY run HAVING first >= ?)"
    )
    runs: int = connection.execute(query, (country, since.isoformat(timespec="milliseconds"))).fetchone()[0]
    return runs


def rounds_served(connection: sqlite3.Connection, country: str, since: datetime) -> int:
    """How many requests of all runs got a reply with something of a model in it since then (in UTC)."""
    query = (
        "SELECT count(*) FROM ledger WHERE country = ? AND at >= ?"
        " AND kind NOT IN ('refused', 'sealed_keys', 'sealed_deal', 'sealed_reveal', 'sealed_end',"
        " 'explore_keys', 'explore_deal', 'explore_reveal', 'explore_end')"
    )
    rounds: int = connection.execute(query, (country, since.isoformat(timespec="milliseconds"))).fetchone()[0]
    return rounds


def entries(connection: sqlite3.Connection, run: str | None = None) -> list[Entry]:
    """All rows, or those of one run, oldest first."""
    rows = connection.execute(
        "SELECT country, run, round, kind, digest, bytes, contents FROM ledger"
        " WHERE ? IS NULL OR run = ? ORDER BY number",
        (run, run),
    )
    names = list(Entry.__dataclass_fields__)
    return [Entry(**dict(zip(names, [*row[:6], json.loads(row[6])], strict=True))) for row in rows]


def head(connection: sqlite3.Connection, country: str) -> Head:
    """Where the ledger of a country stands. (+country: from the last row back, instead of a sort of all.)"""
    rows, seal = connection.execute(
        "SELECT count(*), (SELECT seal FROM ledger WHERE +country = :country ORDER BY number DESC LIMIT 1)"
        " FROM ledger WHERE country = :country",
        {"country": country},
    ).fetchone()
    return Head(rows=rows, seal=seal or FIRST)


def seal_at(connection: sqlite3.Connection, country: str, rows: int) -> str | None:
    """The seal of the last of a country's first `rows` rows; None if it has fewer."""
    if rows == 0:
        return FIRST
    row = connection.execute(
        "SELECT seal FROM ledger WHERE +country = ? ORDER BY number LIMIT 1 OFFSET ?", (country, rows - 1)
    ).fetchone()
    return None if row is None else str(row[0])


def verify(connection: sqlite3.Connection) -> int:
    """Number of rows, all chains being whole. Raises LedgerError naming the first row that is not as it was written."""
    seals: dict[str, str] = {}
    count = 0
    columns = "number, country, run, round, kind, at, digest, bytes, contents, seal"
    for number, *row, seal in connection.execute(f"SELECT {columns} FROM ledger ORDER BY number"):
        if _seal(seals.get(row[0], FIRST), tuple(row)) != seal:
            raise LedgerError(f"ledger row {number} of {row[0]}, or one before it, is not as it was written")
        seals[row[0]] = seal
        count += 1
    for country, seal in connection.execute("SELECT country, seal FROM heads ORDER BY country"):
        if seals.get(country) != seal:
            raise LedgerError(f"the ledger of {country} lacks its last rows")
    return count


def describe(entry: Entry) -> str:
    """One line for a person."""
    values = asdict(entry)
    return "{country} {run} round {round}: {kind}, {bytes:,} bytes, sha256 {digest}".format(**values)


def _seal(previous: str, row: tuple[Any, ...]) -> str:
    return sha256(json.dumps([previous, *row], ensure_ascii=False).encode()).hexdigest()
