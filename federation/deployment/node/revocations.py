"""Which keys a vault no longer believes: the newest list that the authority signed, from a request or its operator."""

import sqlite3
from base64 import b64decode
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federation.deployment.revocation import RevokedKeys, list_in, number_of, read_list
from federation.errors import SignatureError
from federation.wire.signature import Statement

SCHEMA = "CREATE TABLE IF NOT EXISTS revoked (only INTEGER PRIMARY KEY CHECK (only = 1), list BLOB NOT NULL);"


class Revocations:
    """The newest list that this vault has seen; it stays after a restart. file: where an operator may lay one."""

    def __init__(self, database: sqlite3.Connection, authority: x509.Certificate, file: Path) -> None:
        """Raises SignatureError for a file that the authority did not sign."""
        self._database, self._authority = database, authority
        database.executescript(SCHEMA)
        row = database.execute("SELECT list FROM revoked").fetchone()
        self._newest = None if row is None else list_in(bytes(row[0]), authority)
        self._take(read_list(file, authority))

    def check(self, statement: Statement, key: Ed25519PublicKey) -> None:
        """Raise SignatureError for a request by a key on the newest list, which may have come with it."""
        if statement.revoked:
            self._take(list_in(_decoded(statement.revoked), self._authority))
        if self._newest is not None and number_of(key) in self._newest.numbers:
            raise SignatureError("the key that signed a request was revoked by the coordinator; somebody else has it")

    def _take(self, revoked: RevokedKeys | None) -> None:
        if revoked is None or (self._newest is not None and revoked.number <= self._newest.number):
            return
        self._newest = revoked
        self._database.execute("INSERT OR REPLACE INTO revoked VALUES (1, ?)", (revoked.raw,))


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise SignatureError("a request comes with a list of revoked keys that is none") from None
