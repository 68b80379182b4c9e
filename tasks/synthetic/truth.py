"""The truth behind synthetic records: a file in the same folder, tied to the records by a digest.

A folder without a truth file holds real records.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tasks.data import Array, Windows
from tasks.errors import DataError
from tasks.files.atomic import write_atomically

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TruthFile:
    """name: of the truth file. records: names of the national files that it explains, the main one first."""

    name: str
    records: tuple[str, ...]


def is_synthetic(folder: Path, file: TruthFile) -> bool:
    """Whether the records in `folder` are synthetic, which their truth file says."""
    return (folder / file.name).exists()


def refuse_real_records(folder: Path, file: TruthFile) -> None:
    """Raise DataError where the folder holds records that are not synthetic."""
    records = folder / file.records[0]
    if records.exists() and not is_synthetic(folder, file):
        raise DataError(f"{records} is not synthetic and stays as it is; choose another folder")


def write(folder: Path, file: TruthFile, truth: Any, records: Sequence[bytes]) -> None:
    """Write the truth, a dataclass of arrays, and the contents of `file.records`.

    The truth comes first and the main file last, because records without a truth file count as real.
    """
    buffer = io.BytesIO()
    arrays = {name: np.asarray(value) for name, value in vars(truth).items()}
    np.savez(buffer, allow_pickle=False, records=np.array(_digest(records)), **arrays)
    write_atomically(folder / file.name, buffer.getvalue())
    for name, content in reversed(list(zip(file.records, records, strict=True))):
        write_atomically(folder / name, content)


def load(folder: Path, file: TruthFile, kind: Callable[..., T]) -> T:
    """The truth of the records in `folder` as a `kind`, the dataclass that was written.

    Raises DataError for records other than those it was written with.
    """
    path = folder / file.name
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name][()] for name in stored.files}  # [()]: an array without axes becomes its value
    if str(arrays.pop("records")) != _digest([(folder / name).read_bytes() for name in file.records]):
        names = " and ".join(file.records)
        raise DataError(f"{path} belongs to another {names} than those in its folder; synthesize them again")
    places = tuple(str(place) for place in arrays.pop("places"))
    return kind(places=places, **arrays)


def rows_of(places: Sequence[str], windows: Windows) -> Array:
    """(N,) int64 index into `places`, those of the truth, of each window."""
    rows = {place: row for row, place in enumerate(places)}
    return np.array([rows[windows.places[index]] for index in windows.place], dtype=np.int64)


def _digest(records: Sequence[bytes]) -> str:
    return hashlib.sha256(b"\0".join(records)).hexdigest()
