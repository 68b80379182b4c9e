"""The ledger as a deployed vault vouches for it: it says in every reply where its ledger stands, signed with its key.

The coordinator signs, in every request, where it last saw the ledger of every member. A vault keeps the latest of these
statements. One that names a row which the ledger does not have shows that the vault was restored from an older backup,
that rows were cut off, or that they were rewritten; then it refuses to serve.
"""

import logging
import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.errors import LedgerError
from federation.vault import ledger, pruning
from federation.vault.ledger_heads import HeadFile, check_contains
from federation.wire.signature import Envelope, Head, Statement, read_statement

HEADS = "ledger.heads"
SCHEMA = """
CREATE TABLE IF NOT EXISTS countersigned (
  country TEXT PRIMARY KEY, rows INTEGER NOT NULL, statement BLOB NOT NULL, signature BLOB NOT NULL);
"""

log = logging.getLogger("vault")


@dataclass(frozen=True, kw_only=True)
class Countersigned:
    """The coordinator's latest statement about a ledger. raw, signature: as it came, for whoever verifies it again."""

    rows: int
    statement: Statement
    raw: bytes
    signature: bytes


class VaultLedger:
    """Guards the ledger of one country in `folder`. Damage at the start is kept, and refuses every request."""

    def __init__(
        self,
        database: sqlite3.Connection,
        country: str,
        folder: Path,
        key: Ed25519PrivateKey,
        *,
        keep_days: int = 0,
    ) -> None:
        """keep_days: of a run's state after its last reply; 0: for ever."""
        self._database, self._country, self._keep_days = database, country, keep_days
        self._pruned: date | None = None
        database.executescript(SCHEMA)
        self._heads: HeadFile | None = None
        self._damage: LedgerError | None = None
        self._known = countersigned(database, country)
        try:
            self._heads = self._opened(folder / HEADS, key)
        except LedgerError as error:
            self._damage = error
            log.error("%s", error)

    def check(self, envelope: Envelope) -> None:
        """Raise LedgerError if this ledger is not the one that the coordinator saw last; else keep its statement.

        Raises PolicyRefusal for a run whose state is removed already.

        The envelope is verified already.
        """
        if self._damage is not None:
            raise self._damage
        statement = envelope.statement
        self._prune()
        pruning.check(self._database, self._country, statement.run)
        head = statement.heads.get(self._country, Head(rows=0, seal=""))
        if head.rows:
            check_contains(self._database, self._country, head, f"the coordinator on {statement.at[:10]}")
        if self._known is not None and statement.at > self._known.statement.at:
            self._compare_members(self._known.statement, statement)
        if head.rows and (self._known is None or head.rows >= self._known.rows):
            self._keep(envelope, head)

    def head(self) -> Head:
        """Where the ledger stands."""
        return ledger.head(self._database, self._country)

    def sign_head(self) -> None:
        """Sign where the ledger stands, in its file; when what leaves is committed, before it leaves.

        Raises LedgerError where the disk refuses.
        """
        if self._heads is not None:
            self._heads.append(self.head())

    def confirmed(self, statement: Statement) -> str:
        """The seal that this ledger has in the row of the head that a request names."""
        head = statement.heads.get(self._country)
        return "" if head is None or not head.rows else ledger.seal_at(self._database, self._country, head.rows) or ""

    def _opened(self, path: Path, key: Ed25519PrivateKey) -> HeadFile:
        """The file of heads, continued to where the ledger stands. Raises LedgerError if the two do not fit."""
        ledger.verify(self._database)
        if not path.exists() and self._known is not None:
            raise LedgerError(f"the signed heads of the ledger of {self._country} are gone; restore them from a backup")
        heads = HeadFile(path, self._country, key)
        if heads.last is not None:
            check_contains(self._database, self._country, heads.last.head, f"its own vault on {heads.last.at[:10]}")
        if self._known is not None:
            head, at = self._known.statement.heads[self._country], self._known.statement.at
            check_contains(self._database, self._country, head, f"the coordinator on {at[:10]}")
        heads.append(ledger.head(self._database, self._country))
        return heads

    def _prune(self) -> None:
        """Once a day, and at the first request."""
        now = datetime.now(UTC)
        if now.date() != self._pruned:
            self._pruned = now.date()
            for run in pruning.prune(self._database, self._country, self._keep_days, now):
                log.info("the state of run %s is removed, %d days after its last reply", run, self._keep_days)

    def _compare_members(self, before: Statement, now: Statement) -> None:
        """Note in this node's log when the coordinator names an earlier ledger of another member than it did before."""
        for country, head in before.heads.items():
            if country != self._country and _is_behind(now.heads.get(country), head):
                log.warning("the coordinator saw %d rows of the ledger of %s before, not now", head.rows, country)

    def _keep(self, envelope: Envelope, head: Head) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO countersigned VALUES (?,?,?,?)",
            (self._country, head.rows, envelope.raw, envelope.signature),
        )
        self._known = Countersigned(
            rows=head.rows, statement=envelope.statement, raw=envelope.raw, signature=envelope.signature
        )


def countersigned(database: sqlite3.Connection, country: str) -> Countersigned | None:
    """The statement that is kept, or None before the first."""
    row = database.execute(
        "SELECT rows, statement, signature FROM countersigned WHERE country = ?", (country,)
    ).fetchone()
    if row is None:
        return None
    statement = read_statement(bytes(row[1]))
    return Countersigned(rows=row[0], statement=statement, raw=bytes(row[1]), signature=bytes(row[2]))


def _is_behind(now: Head | None, before: Head) -> bool:
    return now is None or now.rows < before.rows or (now.rows == before.rows and now.seal != before.seal)
