"""Weights as a file, named by its digest: safetensors, numpy's npz, or a state dict of `torch.save`; no pickle."""

from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from tasks.errors import DataError
from tasks.files.atomic import write_atomically

SAFETENSORS, NPZ, ZIP = ".safetensors", ".npz", b"PK"
LARGEST = 2**31  # bytes of all arrays of an npz file, which a small file may unfold to


def weights_from(path: str | Path, digest: str) -> dict[str, Tensor]:
    """Name -> tensor, on the CPU, of a file of weights that is not trained here.

    digest: SHA-256 of the file in hex, as its owner published it; what was read is what was compared.
    Raises DataError for a file that is missing, is another one, or holds anything but tensors by their names.
    """
    data = _bytes(Path(path))
    if (here := sha256(data).hexdigest()) != digest.lower():
        raise DataError(f"{path} is another file than was named: its SHA-256 is {here}, not {digest}")
    return _weights(Path(path), data)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The same of a .safetensors or .npz file whose contents the caller compares. Raises DataError."""
    check_form(Path(path))
    return _weights(Path(path), _bytes(Path(path)))


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Name -> tensor into a .safetensors or .npz file. Raises DataError for another suffix."""
    check_form(path)
    if path.suffix == SAFETENSORS:
        data = _library().save({name: value.contiguous() for name, value in weights.items()})
    else:
        buffer = BytesIO()
        np.savez(buffer, **{name: value.numpy() for name, value in weights.items()})  # type: ignore[arg-type]
        data = buffer.getvalue()
    write_atomically(path, data)


def check_form(path: Path) -> None:
    """Raise DataError for a name that does not end as a file of weights does."""
    if path.suffix not in (SAFETENSORS, NPZ):
        raise DataError(f"{path} must end in {SAFETENSORS} or {NPZ}, the two forms of a file of weights")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; ask the owner of the weights for the file") from None


def _weights(path: Path, data: bytes) -> dict[str, Tensor]:
    read = {SAFETENSORS: _safe, NPZ: _of_numpy}.get(path.suffix, _of_torch)
    try:
        weights = read(data)
    except (UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, BadZipFile, MemoryError) as error:
        raise DataError(
            f"{path} holds no weights ({type(error).__name__}); save a state dict, or safetensors"
        ) from None
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise DataError(f"{path} holds more than tensors by their names; save model.state_dict()")
    return {str(name): value.detach() for name, value in weights.items()}


def _of_torch(data: bytes) -> object:
    """A zip archive as `torch.save` writes it; a bare pickle, its form before, is none."""
    if not data.startswith(ZIP):
        raise ValueError("no zip archive")
    return torch.load(BytesIO(data), map_location="cpu", weights_only=True)


def _of_numpy(data: bytes) -> dict[str, Tensor]:
    """A zip archive as `numpy.savez` writes it; an array of Python's objects would be a pickle and is refused."""
    if not data.startswith(ZIP):
        raise ValueError("no zip archive")
    with np.load(BytesIO(data), allow_pickle=False) as file:
        if (size := sum(each.file_size for each in file.zip.infolist())) > LARGEST:
            raise ValueError(f"{size:,} bytes unpacked")
        try:
            return {name: torch.from_numpy(file[name]) for name in file.files}
        except TypeError as error:  # of text, say
            raise ValueError(str(error)) from None


def _safe(data: bytes) -> dict[str, Tensor]:
    """A safetensors file. Source: https://huggingface.co/docs/safetensors"""
    library = _library()
    from safetensors import SafetensorError

    try:
        loaded: dict[str, Tensor] = library.load(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    return loaded


def _library() -> Any:
    """The library of safetensors, which only such files need. Raises DataError where it is not installed."""
    try:
        import safetensors.torch
    except ModuleNotFoundError:
        raise DataError("a .safetensors file needs `pip install safetensors`") from None
    return safetensors.torch
