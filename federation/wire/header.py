"""A frame's header: JSON from a peer that nobody trusts, read in bounded time and memory before any array is touched.

What it may cost follows from its length, which is checked first: 256 KiB of any JSON is read within a tenth of a second
and 16 MiB. Within it, numbers are of 64 bits, names are short and unique, and nothing is nested deeply.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from federation.errors import WireError

DTYPES = ("float32", "float64", "int64", "int8", "uint8", "uint16", "bool")
MAX_SIDE = 2**31  # of an array
MAX_DIMENSIONS = 8
MAX_DEPTH = 16  # of lists and tables; deeper ones are built to exhaust a reader's stack
LONGEST_NAME = 200  # letters of a kind or of an array's name: both go into logs and refusals
LARGEST_INTEGER = 2**63 - 1  # what a ledger's columns hold


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """header: largest in bytes. arrays: most of them in one frame."""

    header: int
    arrays: int


REQUEST = Bounds(header=2**18, arrays=4096)  # of a coordinator to a vault
LARGEST = Bounds(header=2**22, arrays=2**16)  # of any frame: a reply's scores, a checkpoint's best models


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One array as the header describes it. bytes: in the frame."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a frame says of itself. header: JSON values. tensors: its arrays, in order. start: byte of the first."""

    kind: str
    header: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    start: int


def parse(raw: bytes, start: int, bounds: Bounds) -> Header:
    """The header of which these are the bytes. Raises WireError for whatever is not one."""
    body = _json(raw)
    if not _shallow(body, MAX_DEPTH):
        raise WireError(f"the header of a frame is nested more than {MAX_DEPTH} deep; the frame is damaged")
    match body:
        case {"kind": str(kind), "header": dict(header), "tensors": list(tensors)} if len(kind) <= LONGEST_NAME:
            return Header(kind=kind, header=header, tensors=_tensors(tensors, bounds.arrays), start=start)
    raise WireError("the header of a frame lacks kind, header or tensors; the frame is damaged")


def check_name(name: str) -> None:
    """Raise WireError for a name that a reader would refuse."""
    if len(name) > LONGEST_NAME:
        raise WireError(f"a name of {len(name):,} letters, {name[:40]!r}..., exceeds the limit of {LONGEST_NAME}")


def _json(raw: bytes) -> Any:
    try:
        body = json.loads(
            raw.decode(),
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_refuse,
            object_pairs_hook=_unique,
        )
        if b"\\ud" in raw or b"\\uD" in raw:  # perhaps half of a surrogate pair, which no text can hold
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise WireError("the header of a frame is not the JSON it should be; the frame is damaged") from None
    return body


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(value := int(digits)) > LARGEST_INTEGER:
        raise ValueError
    return value


def _finite(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN, Infinity


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A table; one with a key twice would say one thing to this reader and another to the next."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError
    return table


def _shallow(value: Any, left: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []  # all lists and tables of one depth
    while level and left:
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level, left = [each for some in inner for each in some if isinstance(each, dict | list)], left - 1
    return not level


def _tensors(entries: Sequence[Any], most: int) -> tuple[Tensor, ...]:
    if len(entries) > most:
        raise WireError(f"a frame of {len(entries):,} arrays exceeds the limit of {most:,}")
    tensors = tuple(map(_tensor, entries))
    if len({each.name for each in tensors}) < len(tensors):
        raise WireError("one array comes twice in one frame")
    return tensors


def _tensor(entry: Any) -> Tensor:
    match entry:
        case [str(name), str(dtype), list(shape)] if (
            dtype in DTYPES
            and len(name) <= LONGEST_NAME
            and len(shape) <= MAX_DIMENSIONS
            and all(type(size) is int and 0 <= size < MAX_SIDE for size in shape)
        ):
            return Tensor(name=name, dtype=dtype, shape=tuple(shape))
    raise WireError(f"a frame describes an array as {str(entry)[:80]}; expected name, dtype, shape")
