"""Frames: the only thing that passes between coordinator and vault. A version, a JSON header, raw tensors; no pickle.

Layout, little-endian: magic `GTNG`, u16 version, u32 header length, header (UTF-8 JSON), tensors one after another.
The header names every tensor with dtype and shape, so a reader knows the size of all before it touches any.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.errors import WireError

MAGIC = b"GTNG"
VERSION = 2
ACCEPTED = (2,)  # of a peer; the names in a frame are those of its version
STORED = (1, 2)  # of a file: `federation.settings.upgrade` knows the names of version 1
PREFIX = struct.Struct("<4sHI")
DTYPES = ("float32", "float64", "int64", "int8", "uint8", "uint16", "bool")
MAX_HEADER = 4 * 2**20  # bytes
MAX_FRAME = 2**31  # bytes
MAX_DIMENSIONS = 8
MAX_DEPTH = 16  # of lists and tables in a header; deeper ones are built to exhaust a reader's stack

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One request or reply. `header` holds JSON values; `arrays` are named tensors of the dtypes above."""

    kind: str
    header: Mapping[str, Any]
    arrays: Arrays = field(default_factory=dict)

    def group(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays under `prefix/`, without the prefix."""
        start = f"{prefix}/"
        return {name.removeprefix(start): value for name, value in self.arrays.items() if name.startswith(start)}


def encode(frame: Frame) -> bytes:
    """Bytes of a frame. Raises WireError for a dtype that does not travel; NaN is allowed in arrays, not in headers."""
    order = sorted(frame.arrays)
    tensors = []
    for name in order:
        value = frame.arrays[name]
        dtype = value.dtype.name
        if dtype not in DTYPES:
            raise WireError(f"array {name} has dtype {dtype}; a frame carries {', '.join(DTYPES)} only")
        if value.ndim > MAX_DIMENSIONS:
            raise WireError(f"array {name} has {value.ndim} dimensions; a frame carries {MAX_DIMENSIONS}")
        tensors.append([name, dtype, list(value.shape)])
    body = {"kind": frame.kind, "header": frame.header, "tensors": tensors}
    try:
        header = json.dumps(body, sort_keys=True, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise WireError(f"the header of a {frame.kind} frame is not plain JSON: {error}") from None
    raw = [_little(frame.arrays[name]).tobytes() for name in order]
    return b"".join([PREFIX.pack(MAGIC, VERSION, len(header)), header, *raw])


def decode(data: bytes | memoryview, *, limit: int = MAX_FRAME, accepted: Sequence[int] = ACCEPTED) -> Frame:
    """A frame from bytes; its arrays are read-only views. Raises WireError before allocating for what is unexpected."""
    view = memoryview(data)
    if len(view) > limit:
        raise WireError(f"a frame of {len(view):,} bytes exceeds the limit of {limit:,}; raise the limit or send less")
    if len(view) < PREFIX.size:
        raise WireError(f"a frame of {len(view)} bytes is cut short; send it again")
    magic, version, length = PREFIX.unpack_from(view)
    if magic != MAGIC:
        raise WireError("these bytes are not a Gotong frame")
    if version not in accepted:
        raise WireError(
            f"the frame has wire version {version}, and {VERSION} is read here; "
            f"install the same version of Gotong on both sides and start a new run"
        )
    if length > MAX_HEADER or PREFIX.size + length > len(view):
        raise WireError(f"a header of {length:,} bytes does not fit its frame; the frame is damaged")
    kind, header, tensors = _header(bytes(view[PREFIX.size : PREFIX.size + length]))
    return Frame(kind=kind, header=header, arrays=_arrays(view[PREFIX.size + length :], tensors))


def version_of(data: bytes) -> int:
    """The wire version of a frame that was read."""
    version: int = PREFIX.unpack_from(data)[1]
    return version


def digest(data: bytes) -> str:
    """SHA-256 of a frame's bytes, hexadecimal."""
    return sha256(data).hexdigest()


def _little(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(value.dtype.newbyteorder("<"), copy=False)


def _header(raw: bytes) -> tuple[str, Mapping[str, Any], list[Any]]:
    try:
        body = json.loads(raw.decode())
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()  # NaN, 1e999, halves of a surrogate pair
        kind, header, tensors = body["kind"], body["header"], body["tensors"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WireError("the header of a frame is not the JSON it should be; the frame is damaged") from None
    if not _shallow(body, MAX_DEPTH):
        raise WireError(f"the header of a frame is nested more than {MAX_DEPTH} deep; the frame is damaged")
    if not (isinstance(kind, str) and isinstance(header, dict) and isinstance(tensors, list)):
        raise WireError("the header of a frame lacks kind, header or tensors; the frame is damaged")
    return kind, header, tensors


def _shallow(value: Any, left: int) -> bool:
    level = [value]  # all lists and tables of one depth
    while level and left:
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level, left = [each for some in inner for each in some if isinstance(each, dict | list)], left - 1
    return not level


def _arrays(body: memoryview, tensors: list[Any]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    at = 0
    for entry in tensors:
        name, dtype, shape = _described(entry)
        size = prod(shape) * np.dtype(dtype).itemsize
        if at + size > len(body):
            raise WireError(f"array {name} of shape {tuple(shape)} does not fit its frame; the frame is damaged")
        if name in arrays:
            raise WireError(f"array {name} comes twice in one frame")
        arrays[name] = _array(body[at : at + size], name, dtype, shape)
        at += size
    if at != len(body):
        raise WireError(f"{len(body) - at:,} bytes follow the last array of a frame; the frame is damaged")
    return arrays


def _array(raw: memoryview, name: str, dtype: str, shape: list[int]) -> NDArray[Any]:
    if dtype == "bool" and (np.frombuffer(raw, np.uint8) > 1).any():
        raise WireError(f"array {name} of dtype bool holds a byte that is neither 0 nor 1; the frame is damaged")
    try:
        array = np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")).reshape(shape)
    except ValueError:  # an empty array whose other sides multiply beyond all bounds
        raise WireError(f"array {name} cannot have shape {tuple(shape)}; the frame is damaged") from None
    array.flags.writeable = False
    return array


def _described(entry: Any) -> tuple[str, str, list[int]]:
    match entry:
        case [str(name), str(dtype), list(shape)] if (
            dtype in DTYPES
            and len(shape) <= MAX_DIMENSIONS
            and all(type(size) is int and 0 <= size < MAX_FRAME for size in shape)
        ):
            return name, dtype, shape
    raise WireError(f"a frame describes an array as {str(entry)[:80]}; expected name, dtype, shape")
