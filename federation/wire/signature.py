"""Signed envelopes: who wrote a frame, for or from which country, in which run and round. Deployments alone use them.

Layout, little-endian: magic `GTSE`, u16 version, u32 length of the statement, statement (UTF-8 JSON), Ed25519 signature
of the statement (64 bytes), frame. The statement names the frame's SHA-256, so one signature covers both. It is of
bounded size, and what is verified are its bytes as they came: nothing is written anew to be compared.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federation.errors import SignatureError, WireError

MAGIC = b"GTSE"
VERSION = 1
PREFIX = struct.Struct("<4sHI")
CONTEXT = b"gotong signed frame 1\n"  # before what is signed: a signature made for another purpose does not fit
SIGNATURE = 64  # bytes
LONGEST = 2**17  # bytes of a statement
LONGEST_TEXT = 200  # letters of a name, a number or a digest in it
REQUEST, REPLY = "request", "reply"
UNREAD = "0" * 64  # in a refusal of what was never read: the digest of no request


@dataclass(frozen=True, kw_only=True)
class Head:
    """Where a country's ledger stood: how many rows it had, and the seal of the last, which covers all before it."""

    rows: int
    seal: str


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What is signed.

    country: the recipient of a request, the sender of a reply. frame: SHA-256. at: UTC, ISO 8601.
    request: of a request, a number used once; of a reply, the digest of the statement to which it replies.
    heads: country -> ledger head. A request has the last ones that the coordinator saw of all members, a reply its own.
    confirmed: of a reply, the seal that its ledger has in the row of the head in the request; empty for none.
    certificate, revoked: of a request, its signer's certificate and the list of revoked keys, base64; empty in a reply.
    """

    kind: str
    country: str
    run: str
    round: int
    frame: str
    request: str
    at: str
    heads: Mapping[str, Head] = field(default_factory=dict)
    confirmed: str = ""
    certificate: str = ""
    revoked: str = ""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """The parts of an envelope; nothing in it is to be believed before `verify`. raw: the statement's bytes."""

    statement: Statement
    raw: bytes
    signature: bytes
    frame: memoryview

    def verify(self, key: Ed25519PublicKey) -> None:
        """Raise SignatureError unless this key signed the statement, and the statement is of this frame."""
        verify_statement(self.raw, self.signature, key)
        if sha256(self.frame).hexdigest() != self.statement.frame:
            raise SignatureError("a frame is not the one that was signed: it was changed on the way")


def sign(statement: Statement, key: Ed25519PrivateKey) -> bytes:
    """What goes before the frame that the statement names."""
    raw = _encoded(statement)
    assert len(raw) <= LONGEST, "callers bound what they put into a statement"
    return PREFIX.pack(MAGIC, VERSION, len(raw)) + raw + key.sign(CONTEXT + raw)


def digest_of(statement: Statement) -> str:
    """What a reply to it names."""
    return sha256(_encoded(statement)).hexdigest()


def is_envelope(data: bytes | memoryview) -> bool:
    """Whether these bytes claim to be one; a frame of an unsigned peer is none."""
    return bytes(data[:4]) == MAGIC


def open_envelope(data: bytes | memoryview) -> Envelope:
    """An envelope from bytes, in memory that does not grow with the frame. Raises WireError."""
    start, end = _bounds(data)
    view = memoryview(data)
    raw = bytes(view[start:end])
    return Envelope(
        statement=read_statement(raw),
        raw=raw,
        signature=bytes(view[end : end + SIGNATURE]),
        frame=view[end + SIGNATURE :],
    )


def frame_of(data: bytes | memoryview) -> memoryview:
    """The frame in an envelope, unverified, or the bytes themselves if they are none. Raises WireError."""
    return memoryview(data)[_bounds(data)[1] + SIGNATURE :] if is_envelope(data) else memoryview(data)


def verify_statement(raw: bytes, signature: bytes, key: Ed25519PublicKey) -> None:
    """Raise SignatureError unless this key signed a statement with these bytes."""
    try:
        key.verify(signature, CONTEXT + raw)
    except InvalidSignature:
        raise SignatureError("a signature does not fit: another key made it, or it was changed on the way") from None


def read_statement(raw: bytes) -> Statement:
    """A statement from its bytes. Raises WireError."""
    try:
        values = json.loads(raw.decode())
        heads = {country: _head(value) for country, value in values.pop("heads").items()}
        statement = Statement(heads=heads, **values)
        sound = _is_sound(statement)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _damaged("its statement is not the JSON it should be") from None
    if not sound:
        raise _damaged("its statement has values that nobody writes")
    return statement


def _encoded(statement: Statement) -> bytes:
    return json.dumps(asdict(statement), sort_keys=True, ensure_ascii=False).encode()


def _is_sound(statement: Statement) -> bool:
    values = asdict(statement)
    texts = {name: value for name, value in values.items() if name not in ("round", "heads")}
    short = [value for name, value in texts.items() if name not in ("certificate", "revoked")]
    return (
        all(type(value) is str and value.isprintable() for value in (*texts.values(), *statement.heads))
        and all(len(value) <= LONGEST_TEXT for value in short)
        and statement.kind in (REQUEST, REPLY)
        and type(statement.round) is int
        and 0 <= statement.round < 2**63
    )


def _head(value: Any) -> Head:
    head = Head(**value)
    if type(head.rows) is not int or not 0 <= head.rows < 2**63 or type(head.seal) is not str:
        raise TypeError("head")
    return head


def _bounds(data: bytes | memoryview) -> tuple[int, int]:
    """Where the statement begins and ends."""
    if len(data) < PREFIX.size:
        raise _damaged("it is cut short")
    magic, version, length = PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise WireError("these bytes are no signed frame")
    if version != VERSION:
        raise WireError(
            f"a frame is signed in version {version} of the form, and {VERSION} is read here; "
            f"install the same version of Gotong on both sides"
        )
    if length > LONGEST or len(data) < PREFIX.size + length + SIGNATURE:
        raise _damaged(f"a statement of {length:,} bytes does not fit it")
    return PREFIX.size, PREFIX.size + length


def _damaged(why: str) -> WireError:
    return WireError(f"a signed frame is damaged: {why}; send it again")
