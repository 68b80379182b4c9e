"""Posts: what a country publishes to the others through the coordinator, signed with its vault's key.

A post is a signature and a frame. The frame names its kind, the run's context and the country; a post of another run,
roster or plan has another context.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from numpy.typing import NDArray

from federation.errors import SealError, WireError
from federation.wire.frame import Frame, decode, encode

SIGNATURE = 64
DOMAIN = b"gotong sealed post 1\0"  # so that no signature of another message is one of a post


def publish(
    key: Ed25519PrivateKey, kind: str, context: bytes, country: str, arrays: Mapping[str, bytes], **header: Any
) -> bytes:
    """A signed post. arrays: name -> bytes."""
    frame = Frame(
        kind=kind,
        header={"context": context.hex(), "country": country, **header},
        arrays={name: as_array(value) for name, value in arrays.items()},
    )
    raw = encode(frame)
    return key.sign(DOMAIN + raw) + raw


def read(post: bytes, key: bytes, kind: str, context: bytes, country: str) -> Frame:
    """The frame of a post. key: the country's public Ed25519 key. Raises SealError unless it is all that it must be."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(post[:SIGNATURE], DOMAIN + post[SIGNATURE:])
        frame = decode(post[SIGNATURE:])
    except (InvalidSignature, ValueError, WireError):
        raise SealError(f"the {kind} post of {country} is not signed by the key on the roster") from None
    header = frame.header
    if (frame.kind, header.get("context"), header.get("country")) != (kind, context.hex(), country):
        raise SealError(f"the {kind} post of {country} is of another kind, country, run, roster or plan")
    return frame


def as_array(value: bytes) -> NDArray[np.uint8]:
    """Bytes as a frame carries them."""
    return np.frombuffer(value, np.uint8)


def bytes_of(frame: Frame, name: str, size: int | None = None) -> bytes:
    """The bytes of an array of a frame. Raises SealError if they are missing, or not `size` of them."""
    value = frame.arrays.get(name)
    if value is None or value.dtype != np.uint8 or value.ndim != 1 or (size is not None and len(value) != size):
        raise SealError(f"a {frame.kind} lacks {name}, or holds other bytes than it must")
    return value.tobytes()
