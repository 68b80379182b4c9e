"""Masks: words that look random to who lacks a seed, and that cancel between two countries.

A pair of countries shares a seed by X25519; one adds the words it makes, the other subtracts them. On top, each country
adds words of a seed of its own, so that a frame stays masked when all pairs of it are known. A seed is made for one
run, round and model, and is used once.
Source: Bonawitz et al. (2017), https://doi.org/10.1145/3133956.3133982
"""

from hashlib import sha256
from typing import Any

import numpy as np
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

Words = NDArray[np.uint32]


def seed(secret: bytes, *purpose: object) -> bytes:
    """32 bytes of a secret for one purpose."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=digest(*purpose)).derive(secret)


def words(key: bytes, count: int) -> Words:
    """(count,) uniform uint32 of a seed: AES-256 in counter mode, encrypting zeros."""
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return np.frombuffer(stream.update(bytes(4 * count)), "<u4").astype(np.uint32)


def new_key() -> bytes:
    """The scalar of a new X25519 key, as `shares` takes it: below the prime, with the bits set that X25519 sets."""
    raw = bytearray(X25519PrivateKey.generate().private_bytes_raw())
    raw[0] &= 248
    raw[31] = (raw[31] & 127) | 64
    return bytes(raw)


def public_of(key: bytes) -> bytes:
    """The public half. Raises ValueError for what is no key."""
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return X25519PrivateKey.from_private_bytes(key).public_key().public_bytes(*raw)


def shared(key: bytes, other: bytes) -> bytes:
    """The secret of a private key and another's public one. Raises ValueError for a key that shares nothing."""
    return X25519PrivateKey.from_private_bytes(key).exchange(X25519PublicKey.from_public_bytes(other))


def digest(*parts: object) -> bytes:
    """SHA-256 of texts, numbers and bytes, each with its length, so that no two lists of parts give the same bytes."""
    whole = sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        whole.update(len(raw).to_bytes(8, "big") + raw)
    return whole.digest()


def read_words(raw: bytes) -> Words:
    """Words as `little` wrote them. Raises ValueError for bytes that are no whole number of words."""
    return np.frombuffer(raw, "<u4").astype(np.uint32)


def little(value: NDArray[Any]) -> bytes:
    """Words as they travel and are signed."""
    return value.astype("<u4").tobytes()
