"""An envelope says what it said when it was signed, or nothing."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import SignatureError, WireError
from federation.wire.frame import Frame, digest, encode
from federation.wire.signature import (
    CONTEXT,
    LONGEST,
    PREFIX,
    REQUEST,
    Head,
    Statement,
    frame_of,
    is_envelope,
    open_envelope,
    sign,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FRAME = encode(Frame(kind="train", header={"run": "r", "round": 1}))
STATEMENT = Statement(
    kind=REQUEST,
    country="VNM",
    run="r",
    round=1,
    frame=digest(FRAME),
    request="n",
    at="2026-01-01T00:00:00+00:00",
    heads={"VNM": Head(rows=3, seal="ab")},
)
WHOLE = sign(STATEMENT, KEY) + FRAME


def test_what_was_signed_is_read() -> None:
    envelope = open_envelope(WHOLE)
    envelope.verify(KEY.public_key())
    assert (envelope.statement, bytes(envelope.frame)) == (STATEMENT, FRAME)
    assert bytes(frame_of(WHOLE)) == bytes(frame_of(FRAME)) == FRAME
    assert (is_envelope(WHOLE), is_envelope(FRAME), is_envelope(b"")) == (True, False, False)


@given(at=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_every_byte_counts(at: int, flip: int) -> None:
    changed = bytearray(WHOLE)
    changed[at] ^= flip
    with pytest.raises((SignatureError, WireError)):
        open_envelope(bytes(changed)).verify(KEY.public_key())


@given(end=st.integers(0, len(WHOLE) - 1))
def test_a_part_of_an_envelope_is_none(end: int) -> None:
    with pytest.raises((SignatureError, WireError)):
        open_envelope(WHOLE[:end]).verify(KEY.public_key())


def test_another_key_and_a_signature_made_for_something_else_do_not_fit() -> None:
    with pytest.raises(SignatureError, match="another key"):
        open_envelope(WHOLE).verify(Ed25519PrivateKey.generate().public_key())
    raw = open_envelope(WHOLE).raw
    for elsewhere in (raw, CONTEXT.replace(b"frame", b"ledger") + raw):
        with pytest.raises(SignatureError):
            open_envelope(PREFIX.pack(b"GTSE", 1, len(raw)) + raw + KEY.sign(elsewhere) + FRAME).verify(
                KEY.public_key()
            )


UNSOUND: dict[str, dict[str, Any]] = {
    "a round that is text": {"round": "1"},
    "a round that is true": {"round": True},
    "a round below none": {"round": -1},
    "a round beyond a ledger's columns": {"round": 2**63},
    "another kind": {"kind": "order"},
    "a run that writes into logs": {"run": "r\nVNM: all is well"},
    "a run of a page": {"run": "r" * 5000},
    "half of a letter": {"run": "\ud800"},
    "heads that are no table": {"heads": [1]},
    "a head that is no head": {"heads": {"VNM": [3, "ab"]}},
    "a head of fewer than no rows": {"heads": {"VNM": {"rows": -1, "seal": ""}}},
    "a key that is none": {"more": 1},
    "lists in lists": {"run": json.loads("[" * 300 + "]" * 300)},
    "lists that exhaust the stack": {"run": json.loads("[" * 900 + "]" * 900)},
}


@pytest.mark.parametrize("changed", UNSOUND.values(), ids=UNSOUND)
def test_a_statement_that_nobody_writes_is_refused_although_it_is_signed(changed: dict[str, Any]) -> None:
    raw = json.dumps({**asdict(STATEMENT), **changed}).encode()
    with pytest.raises(WireError, match="damaged"):
        open_envelope(PREFIX.pack(b"GTSE", 1, len(raw)) + raw + KEY.sign(CONTEXT + raw) + FRAME)


def test_a_statement_has_a_bound_and_a_version() -> None:
    raw = json.dumps(asdict(replace(STATEMENT, revoked="A" * LONGEST))).encode()
    with pytest.raises(WireError, match="does not fit"):
        open_envelope(PREFIX.pack(b"GTSE", 1, len(raw)) + raw + bytes(64))
    with pytest.raises(WireError, match="install the same version of Gotong on both sides"):
        open_envelope(PREFIX.pack(b"GTSE", 2, 2) + b"{}" + bytes(64))
