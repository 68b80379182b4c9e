"""Values that stand in one country's records and nowhere else, and a search for them in bytes of every kind."""

import base64
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

PLACE = "Canary province Xq7"
CASES = (715_517, 623_417, 541_529, 467_213, 402_739, 389_171)  # of six months in a row; no other value is near
POPULATION = 9_817_411  # of the place, which is large enough for them
STARTS = re.compile(rb"\x1f\x8b|\x78[\x01\x5e\x9c\xda]")  # of gzip and zlib streams
MOST = 64 * 2**20  # bytes of a stream that is unpacked


def patterns() -> dict[str, bytes]:
    """What the canaries look like, by name: as text, as numbers, and their row as arrays of every kind that travels."""
    numbers = (*CASES, POPULATION)
    texts = [PLACE, *(str(value) for value in numbers), *(f"{value:,}" for value in numbers)]
    found = {f"text {text} {codec}": text.encode(codec) for text in texts for codec in ("utf-8", "utf-16-le")}
    found |= {f"text {text} hex": text.encode().hex().encode() for text in texts}
    for text in texts:  # the letters in the middle, for the ends depend on what stands around them
        for shift in range(3):
            found[f"text {text} base64 {shift}"] = base64.b64encode(b"\0" * shift + text.encode())[4:-4]
    for value in numbers:
        for form in ("<f", "<d", ">f", ">d", "<i", "<q"):
            found[f"number {value} {form}"] = struct.pack(form, value)
        found[f"number log1p {value}"] = struct.pack("<d", np.log1p(value))
    row = np.array(CASES, np.float64)
    for name, values in (("cases", row), ("log1p", np.log1p(row))):
        found[f"row {name} float32"] = values.astype("<f4")[:3].tobytes()
        found[f"row {name} bf16"] = (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return {name: pattern for name, pattern in found.items() if len(pattern) >= 4}


def plant(path: Path) -> None:
    """Put the canaries into a national file: a place of that name, with these cases in six months of training."""
    lines = path.read_text().splitlines()
    header = lines[0].split(",")
    cases, population, name = (header.index(key) for key in ("disease_cases", "population", "location_name"))
    first = lines[1].split(",")[1]
    planted = iter(CASES)
    for number, line in enumerate(lines[1:], start=1):
        cells = line.split(",")
        if cells[1] != first:
            continue
        cells[name], cells[population] = PLACE, str(POPULATION)
        if "2001-01" <= cells[0] <= "2001-06":
            cells[cases] = str(next(planted))
        lines[number] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    for truth in path.parent.glob("*.oracle.npz"):  # it is of the records before
        truth.unlink()


def canaries_in(data: bytes) -> set[str]:
    """Names of the patterns that stand in these bytes, or in what is packed in them."""
    known = patterns()
    return {name for view in _views(data) for name, pattern in known.items() if pattern in view}


def files_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file under a folder with its bytes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def _views(data: bytes) -> Iterator[bytes]:
    """The bytes, and what streams and archives in them hold."""
    yield data
    for start in STARTS.finditer(data):
        unpacked = _unpacked(data[start.start() :])
        if unpacked:
            yield unpacked
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield archive.read(name)


def _unpacked(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=47).decompress(stream, MOST)  # 47: gzip or zlib, whichever it is
    except zlib.error:
        return b""
