"""The coordinator's ledger: a row for every request it signed and every reply it took, chained as a vault's rows are.

It also knows where each member's ledger stood, by that vault's own signature. A vault whose ledger goes back, or does
not go on from where it was seen, is flagged, and its replies are refused until an operator accepts it.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federation.deployment import certificates
from federation.deployment.coordinator import members
from federation.errors import LedgerError
from federation.vault import ledger
from federation.vault.database import open_ledger, transaction
from federation.vault.ledger import Entry
from federation.vault.ledger_heads import HeadFile, check_contains, check_signature, read_heads
from federation.vault.ledger_heads import sign_again as heads_sign_again
from federation.wire.frame import read_header
from federation.wire.header import LARGEST
from federation.wire.signature import UNREAD, Envelope, Head, Statement, digest_of, read_statement, verify_statement

OWNER = "coordinator"
FILE, HEADS = "ledger.sqlite", "ledger.heads"
SEEN = """
CREATE TABLE IF NOT EXISTS seen (
  country TEXT PRIMARY KEY, rows INTEGER NOT NULL, seal TEXT NOT NULL, at TEXT NOT NULL, statement BLOB NOT NULL,
  signature BLOB NOT NULL, flag TEXT NOT NULL DEFAULT '');
"""


class CoordinatorLedger:
    """The ledger in a coordinator's folder. Several runs, each a process, may write it at the same time."""

    def __init__(self, home: Path, key: Ed25519PrivateKey) -> None:
        """Raises LedgerError for a ledger that is not as it was written."""
        self._database = open_own(home)
        ledger.verify(self._database)
        self._heads = HeadFile(home / HEADS, OWNER, key)
        if (last := self._heads.last) is not None:
            check_contains(self._database, OWNER, last.head, f"this coordinator on {last.at[:10]}")

    def heads(self) -> dict[str, Head]:
        """country -> where its ledger stood when it was last seen."""
        return seen_heads(self._database)

    def sent(self, requests: Sequence[tuple[Statement, int]]) -> None:
        """Enter requests, with the bytes of their frames, before they leave."""
        self._enter([_entry(statement, f"request to {statement.country}", size, {}) for statement, size in requests])

    def rejected(self, asked: Statement, reason: str) -> None:
        """Enter a reply that was not read, because nobody who may signed it."""
        self._enter([_entry(asked, f"rejected from {asked.country}", 0, {"reason": reason[:200]})])

    def received(self, asked: Statement, envelope: Envelope) -> None:
        """Enter a verified reply, and where its country's ledger stands. Raises LedgerError if that went back."""
        country, reply = asked.country, envelope.statement
        header = read_header(envelope.frame, bounds=LARGEST)
        contents: dict[str, Any] = {"kind": header.kind}
        if header.kind == "refused":
            contents["reason"] = str(header.header.get("reason"))[:200]
        if header.kind == "terms" and (objections := header.header.get("objections")):
            contents["reason"] = str(objections)[:200]
        fault = why_behind(asked.heads.get(country), reply)
        entries = [_entry(reply, f"reply of {country}", len(envelope.frame), contents)]
        if fault is not None:
            entries.append(_entry(asked, f"flagged {country}", 0, {"reason": fault}))
        self._enter(entries, lambda: self._see(country, envelope, fault))
        if fault is not None:
            raise LedgerError(fault)

    def _enter(self, entries: Sequence[Entry], also: Callable[[], object] = lambda: None) -> None:
        with transaction(self._database):
            for entry in entries:
                ledger.append(self._database, entry)
            also()
        self._heads.append(ledger.head(self._database, OWNER))

    def _see(self, country: str, envelope: Envelope, fault: str | None) -> None:
        if fault is not None:
            self._database.execute("UPDATE seen SET flag = ? WHERE country = ?", (fault, country))
            return
        head = envelope.statement.heads[country]
        row = (country, head.rows, head.seal, envelope.statement.at, envelope.raw, envelope.signature)
        self._database.execute(
            "INSERT INTO seen (country, rows, seal, at, statement, signature) VALUES (?,?,?,?,?,?)"
            " ON CONFLICT (country) DO UPDATE SET rows = excluded.rows, seal = excluded.seal, at = excluded.at,"
            " statement = excluded.statement, signature = excluded.signature, flag = ''"
            " WHERE excluded.rows >= rows",
            row,
        )


def why_behind(before: Head | None, reply: Statement) -> str | None:
    """Why a country's ledger is not the one of before, as its reply has it; None if it goes on from there."""
    now = reply.heads.get(reply.country)
    if now is None:
        return f"{reply.country} does not say where its ledger stands"
    if before is None or before.rows == 0:
        return None
    confirmed = before.seal if reply.request == UNREAD else reply.confirmed
    if now.rows >= before.rows and confirmed == before.seal:
        return None
    what = f"has {now.rows:,} rows" if now.rows < before.rows else "has other rows"
    return (
        f"the ledger of {reply.country} {what}, and had {before.rows:,} when it was last seen here: its vault was "
        f"restored from an older backup, or its ledger was cut off or rewritten. Ask its operator; then accept it with "
        f"`gotong ledger accept country={reply.country}`"
    )


def seen_heads(database: sqlite3.Connection) -> dict[str, Head]:
    """country -> where its ledger stood when it was last seen."""
    rows = database.execute("SELECT country, rows, seal FROM seen ORDER BY country")
    return {country: Head(rows=count, seal=seal) for country, count, seal in rows}


def flags(database: sqlite3.Connection) -> Mapping[str, str]:
    """country -> why its ledger is flagged."""
    return dict(database.execute("SELECT country, flag FROM seen WHERE flag != '' ORDER BY country").fetchall())


def is_home(home: Path) -> bool:
    """Whether a coordinator's ledger is in this home."""
    return (home / FILE).exists()


def open_own(home: Path) -> sqlite3.Connection:
    """The coordinator's file. Raises LedgerError."""
    database = open_ledger(home / FILE)
    database.executescript(SEEN)
    return database


def verify(home: Path) -> Iterator[str]:
    """What holds, a line each. Raises LedgerError or SignatureError, also for a country whose ledger went back."""
    yield from verify_own(home)
    for reason in flags(open_own(home)).values():
        raise LedgerError(reason)


def verify_own(home: Path) -> Iterator[str]:
    """Of this ledger, a line each: chain, signed heads, what each vault signed. Raises LedgerError, SignatureError."""
    database = open_own(home)
    yield f"{ledger.verify(database):,} rows, each as it was written and in its place"
    signed = read_heads(home / HEADS)
    if not signed and ledger.head(database, OWNER).rows:
        raise LedgerError("the signed heads of the coordinator's ledger are gone; restore them from a backup")
    for each in signed[-1:]:
        check_signature(each, OWNER, certificates.signer_of(home)[0].public_key())
        check_contains(database, OWNER, each.head, f"this coordinator on {each.at[:10]}")
        yield f"{len(signed):,} signed heads, the last of {each.head.rows:,} rows, of {each.at[:19]}"
    for country, raw, signature in database.execute("SELECT country, statement, signature FROM seen ORDER BY country"):
        yield _vouched(home, country, bytes(raw), bytes(signature))


def sign_again(home: Path, before: Ed25519PublicKey | None) -> None:
    """Let a new key of the coordinator sign the head of its ledger. before: the old one. Raises LedgerError."""
    if before is not None and (home / HEADS).exists():
        heads_sign_again(home / HEADS, OWNER, before, certificates.signer_of(home)[0])


@dataclass(frozen=True, kw_only=True)
class LastReply:
    """at: UTC. kind: of its frame, `rejected` where it was not read. reason: of a refusal or objection, or ''."""

    at: str
    kind: str
    reason: str


def last_replies(home: Path) -> dict[str, LastReply]:
    """country -> its latest reply."""
    if not is_home(home):
        return {}
    replies: dict[str, LastReply] = {}
    query = (
        "SELECT kind, at, contents FROM ledger WHERE rowid IN (SELECT max(rowid) FROM ledger"
        " WHERE kind LIKE 'reply of %' OR kind LIKE 'rejected from %' GROUP BY kind) ORDER BY rowid"
    )
    for what, at, text in open_own(home).execute(query):
        contents = json.loads(text)
        kind = str(contents.get("kind", "rejected"))
        replies[what.split()[-1]] = LastReply(at=at, kind=kind, reason=str(contents.get("reason", "")))
    return replies


def rounds_of(home: Path, run: str, since: datetime) -> list[tuple[int, datetime]]:
    """(round, when its first request left) of a run, from a time on, in order."""
    if not is_home(home):
        return []
    query = (
        "SELECT round, min(at) FROM ledger WHERE run = ? AND at >= ? AND kind LIKE 'request to %' AND round > 0"
        " GROUP BY round ORDER BY round"
    )
    rows = open_own(home).execute(query, (run, since.isoformat(timespec="milliseconds")))
    return [(int(round_), datetime.fromisoformat(at)) for round_, at in rows]


def flagged(home: Path) -> Sequence[str]:
    """Why countries are flagged, in a coordinator's home."""
    return [*flags(open_own(home)).values()] if is_home(home) else []


def flagged_countries(home: Path) -> frozenset[str]:
    """Whose ledgers are flagged, in a coordinator's home."""
    return frozenset(flags(open_own(home))) if is_home(home) else frozenset()


def accept(home: Path, country: str) -> Head:
    """Forget where a country's ledger stood, with a row that says so; returns what is forgotten. Raises LedgerError."""
    own = CoordinatorLedger(home, certificates.signer_of(home)[0])
    before = own.heads().get(country)
    if before is None:
        raise LedgerError(f"the ledger of {country} was never seen here; there is nothing to accept")
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    contents = {"rows": before.rows, "seal": before.seal}
    entry = Entry(
        country=OWNER, run="", round=0, kind=f"accepted {country}", digest="", bytes=0, contents={**contents, "at": at}
    )
    own._enter([entry], lambda: own._database.execute("DELETE FROM seen WHERE country = ?", (country,)))
    return before


def _vouched(home: Path, country: str, raw: bytes, signature: bytes) -> str:
    member = members.members(home).get(country)
    if member is None:
        return f"{country}: its ledger was seen, and it is no member any more"
    verify_statement(raw, signature, member.verifying_key())
    statement = read_statement(raw)
    return f"{country}: its vault signed on {statement.at[:19]} that it has {statement.heads[country].rows:,} rows"


def _entry(statement: Statement, kind: str, size: int, contents: Mapping[str, Any]) -> Entry:
    known = {
        country: [head.rows, head.seal] for country, head in statement.heads.items() if country == statement.country
    }
    return Entry(
        country=OWNER,
        run=statement.run,
        round=statement.round,
        kind=kind,
        digest=statement.frame,
        bytes=size,
        contents={**contents, "head": known.get(statement.country), "statement": digest_of(statement)},
    )
