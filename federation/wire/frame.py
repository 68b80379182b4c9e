"""Frames: the only thing that passes between coordinator and vault. A version, a JSON header, raw tensors; no pickle.

Layout, little-endian: magic `GTNG`, u16 version, u32 header length, header (UTF-8 JSON), tensors one after another.
The header names every tensor with dtype and shape, so a reader knows the size of all before it touches any.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.errors import WireError
from federation.wire.header import DTYPES as DTYPES
from federation.wire.header import LARGEST, MAX_DIMENSIONS, REQUEST, Bounds, Header, Tensor, check_name, parse

MAGIC = b"GTNG"
VERSION = 2
ACCEPTED = (2,)  # of a peer; the names in a frame are those of its version
STORED = (1, 2)  # of a file: `federation.settings.upgrade` knows the names of version 1
PREFIX = Struct("<4sHI")
MAX_FRAME = 2**31  # bytes

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
    """Bytes of a frame. Raises WireError for what does not travel; NaN is allowed in arrays, not in headers."""
    order = sorted(frame.arrays)
    tensors = [_described(name, frame.arrays[name]) for name in order]
    check_name(frame.kind)
    body = {"kind": frame.kind, "header": frame.header, "tensors": tensors}
    try:
        header = json.dumps(body, sort_keys=True, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise WireError(f"the header of a {frame.kind} frame is not plain JSON: {error}") from None
    if len(header) > LARGEST.header or len(order) > LARGEST.arrays:
        raise WireError(
            f"a {frame.kind} frame with a header of {len(header):,} bytes and {len(order):,} arrays is not read by "
            f"anybody; the limits are {LARGEST.header:,} and {LARGEST.arrays:,}"
        )
    raw = [_little(frame.arrays[name]).tobytes() for name in order]
    return b"".join([PREFIX.pack(MAGIC, VERSION, len(header)), header, *raw])


def read_header(
    data: bytes | memoryview,
    *,
    limit: int = MAX_FRAME,
    accepted: Sequence[int] = ACCEPTED,
    bounds: Bounds = REQUEST,
) -> Header:
    """The header of a frame whose arrays are all there, none of them looked at.

    Time and memory are bounded by `bounds`, whatever the bytes are: this is what a vault reads of a request before it
    has agreed to anything. Raises WireError.
    """
    view = memoryview(data)
    start = _start(view, limit, accepted, bounds)
    header = parse(bytes(view[PREFIX.size : start]), start, bounds)
    missing = start + sum(each.bytes for each in header.tensors) - len(view)
    if missing:
        fault = "are missing in" if missing > 0 else "follow the last array of"
        raise WireError(f"{abs(missing):,} bytes {fault} a frame; the frame is damaged")
    return header


def read_arrays(data: bytes | memoryview, header: Header) -> Frame:
    """The whole frame of which the header was read; its arrays are read-only views of `data`. Raises WireError."""
    view, at, arrays = memoryview(data), header.start, {}
    for tensor in header.tensors:
        arrays[tensor.name] = _array(view[at : at + tensor.bytes], tensor)
        at += tensor.bytes
    return Frame(kind=header.kind, header=header.header, arrays=arrays)


def decode(
    data: bytes | memoryview,
    *,
    limit: int = MAX_FRAME,
    accepted: Sequence[int] = ACCEPTED,
    bounds: Bounds = LARGEST,
) -> Frame:
    """A frame from bytes; its arrays are read-only views. Raises WireError before allocating for what is unexpected."""
    return read_arrays(data, read_header(data, limit=limit, accepted=accepted, bounds=bounds))


def version_of(data: bytes) -> int:
    """The wire version of a frame that was read."""
    version: int = PREFIX.unpack_from(data)[1]
    return version


def digest(data: bytes) -> str:
    """SHA-256 of a frame's bytes, hexadecimal."""
    return sha256(data).hexdigest()


def _little(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(value.dtype.newbyteorder("<"), copy=False)


def _described(name: str, value: NDArray[Any]) -> list[Any]:
    dtype = value.dtype.name
    check_name(name)
    if dtype not in DTYPES:
        raise WireError(f"array {name} has dtype {dtype}; a frame carries {', '.join(DTYPES)} only")
    if value.ndim > MAX_DIMENSIONS:
        raise WireError(f"array {name} has {value.ndim} dimensions; a frame carries {MAX_DIMENSIONS}")
    return [name, dtype, list(value.shape)]


def _start(view: memoryview, limit: int, accepted: Sequence[int], bounds: Bounds) -> int:
    """Where the arrays start, by the prefix alone."""
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
    if PREFIX.size + length > len(view):
        raise WireError(f"a header of {length:,} bytes does not fit its frame; the frame is damaged")
    if length > bounds.header:
        raise WireError(f"a header of {length:,} bytes exceeds the limit of {bounds.header:,}")
    return PREFIX.size + int(length)


def _array(raw: memoryview, tensor: Tensor) -> NDArray[Any]:
    if tensor.dtype == "bool" and np.frombuffer(raw, np.uint8).max(initial=0) > 1:
        raise WireError(f"array {tensor.name} of dtype bool holds a byte that is neither 0 nor 1; the frame is damaged")
    try:
        array = np.frombuffer(raw, np.dtype(tensor.dtype).newbyteorder("<")).reshape(tensor.shape)
    except ValueError:  # an empty array whose other sides multiply beyond all bounds
        raise WireError(f"array {tensor.name} cannot have shape {tensor.shape}; the frame is damaged") from None
    array.flags.writeable = False
    return array
