"""A ledger's heads, signed and kept outside of its SQLite file: rows that are cut off or written anew are missed there.

One line of JSON a head, oldest first: how many rows, the seal of the last, when, and the owner's Ed25519 signature. The
file is opened once and only appended to. A line that a crash cut short is dropped: the ledger then continues the head
before it, as it does when a process dies between its ledger and this file.
"""

import base64
import json
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federation.errors import LedgerError
from federation.vault import ledger
from federation.wire.signature import Head

CONTEXT = b"gotong ledger head 1\n"


@dataclass(frozen=True, kw_only=True)
class SignedHead:
    """A head, and when its owner (a country, or the coordinator) signed it: UTC, ISO 8601."""

    head: Head
    at: str
    signature: bytes


class HeadFile:
    """The file of one ledger's heads, open for appending."""

    def __init__(self, path: Path, owner: str, key: Ed25519PrivateKey) -> None:
        self._owner, self._key = owner, key
        signed = read_heads(path)
        self.last = signed[-1] if signed else None
        if self.last is not None:
            check_signature(self.last, owner, key.public_key())
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.ftruncate(self._descriptor, _whole(path.read_bytes()))

    def append(self, head: Head) -> None:
        """Sign a head; it is on the disk when this returns. The same again adds nothing."""
        if self.last is not None and self.last.head == head:
            return
        at, signature = _sign(self._owner, head, self._key)
        try:
            os.write(self._descriptor, _line(head, at, signature))
            os.fsync(self._descriptor)
        except OSError as error:
            raise LedgerError(f"the ledger's head cannot be written ({error.strerror}); nothing leaves") from None
        self.last = SignedHead(head=head, at=at, signature=signature)

    def close(self) -> None:
        """No head is appended any more."""
        os.close(self._descriptor)


def sign_again(path: Path, owner: str, before: Ed25519PublicKey, key: Ed25519PrivateKey) -> None:
    """Let a new key sign the last head, which the one before signed. Raises LedgerError if it did not."""
    signed = read_heads(path)
    if signed:
        check_signature(signed[-1], owner, before)
        with path.open("ab") as file:
            file.write(_line(signed[-1].head, *_sign(owner, signed[-1].head, key)))


def read_heads(path: Path) -> list[SignedHead]:
    """All heads in a file, none where there is no file. Raises LedgerError for a line that is none."""
    if not path.exists():
        return []
    raw = path.read_bytes()
    try:
        return [_read(json.loads(line)) for line in raw[: _whole(raw)].splitlines()]
    except (ValueError, KeyError, TypeError):
        raise LedgerError("the file of the ledger's signed heads is damaged; restore it from a backup") from None


def check_signature(signed: SignedHead, owner: str, key: Ed25519PublicKey) -> None:
    """Raise LedgerError unless the owner's key signed this head."""
    try:
        key.verify(signed.signature, _signed(owner, signed.head, signed.at))
    except InvalidSignature:
        raise LedgerError(
            f"the head of the ledger of {signed.at} was not signed by the key of {owner}: one of the two was changed"
        ) from None


def check_contains(connection: sqlite3.Connection, owner: str, head: Head, who: str) -> None:
    """Raise LedgerError unless the ledger has the rows of this head. who: signed it, and when."""
    if ledger.seal_at(connection, owner, head.rows) == head.seal:
        return
    rows = ledger.head(connection, owner).rows
    what = f"has {rows:,} rows" if rows < head.rows else f"has other rows than the {head.rows:,}"
    raise LedgerError(
        f"the ledger of {owner} {what}, and {who} signed {head.rows:,}: it was restored from an older backup, cut off "
        f"or rewritten. Restore the newest backup; where there is none, find out why, then run `gotong ledger accept` "
        f"here and at the coordinator"
    )


def _sign(owner: str, head: Head, key: Ed25519PrivateKey) -> tuple[str, bytes]:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return at, key.sign(_signed(owner, head, at))


def _line(head: Head, at: str, signature: bytes) -> bytes:
    line = {"rows": head.rows, "seal": head.seal, "at": at, "signature": base64.b64encode(signature).decode()}
    return json.dumps(line).encode() + b"\n"


def _signed(owner: str, head: Head, at: str) -> bytes:
    return CONTEXT + f"{owner}\n{head.rows}\n{head.seal}\n{at}".encode()


def _read(line: Any) -> SignedHead:
    head = Head(rows=int(line["rows"]), seal=str(line["seal"]))
    return SignedHead(head=head, at=str(line["at"]), signature=base64.b64decode(line["signature"], validate=True))


def _whole(raw: bytes) -> int:
    """Bytes up to the end of the last whole line."""
    return raw.rfind(b"\n") + 1
