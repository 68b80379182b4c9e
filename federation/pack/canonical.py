"""JSON that has one form only (RFC 8785), so that a digest or a signature of it means one thing to everybody.

What is read is held to that form byte by byte: a key that comes twice, NaN, 1e400 or a space is no pack. Whole numbers
that a float cannot hold are written as text.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import rfc8785

from federation.errors import PackError

DEEPEST = 12  # tables and lists in one another; a pack has eight
EXACT = 2**53 - 1  # RFC 8785, section 3.2.2.3: the largest whole number that every reader of JSON takes for itself


def canonical(value: Any) -> bytes:
    """The bytes of plain values. Raises PackError for what has none, as infinity."""
    try:
        return rfc8785.dumps(_exact(value))
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise PackError(f"it cannot be written as JSON ({str(error)[:100]})") from None


def digest(value: Any) -> str:
    """SHA-256 of the bytes, hexadecimal."""
    return sha256(canonical(value)).hexdigest()


def parse(raw: bytes) -> Any:
    """The values of canonical bytes. Raises PackError for any others."""
    value = parse_any(raw)
    if canonical(value) != raw:
        raise PackError("it is not the canonical JSON of RFC 8785 that was written: somebody changed it")
    return value


def parse_any(raw: bytes) -> Any:
    """The values of JSON in any form; of a key that comes twice the last. Raises PackError for no JSON."""
    try:
        value = json.loads(raw.decode(), parse_int=_number)
    except (ValueError, RecursionError):  # no UTF-8, no JSON, or a number too long
        raise PackError("it is no JSON") from None
    if _is_deep(value, DEEPEST):
        raise PackError("it is JSON of more lists in one another than any pack has")
    return value


def read_bounded(path: Path, most: int) -> bytes:
    """A file's bytes. Raises PackError for more than `most`, before they are read, and for a file that cannot be."""
    try:
        with path.open("rb") as file:  # may be a pipe, which has no size
            raw = file.read(most + 1)
    except OSError as error:
        raise PackError(f"{path}: {error.strerror}") from None
    if len(raw) > most:
        raise PackError(f"{path} has more than {most // 2**20:,} MiB, more than any that Gotong writes")
    return raw


def _is_deep(value: Any, most: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return most == 0 or any(_is_deep(each, most - 1) for each in (value.values() if isinstance(value, dict) else value))


def _number(text: str) -> int | float:
    """A whole number that a float cannot hold was one: 1e17 is written with all its zeros."""
    return whole if abs(whole := int(text)) <= EXACT else float(text)


def _exact(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _exact(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_exact(each) for each in value]
    return str(value) if type(value) is int and abs(value) > EXACT else value
