"""Weights that their owner gives as a file, for the parts of a model that are not trained. No pickle is opened."""

from hashlib import sha256
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from tasks.errors import DataError

SAFETENSORS, ZIP = ".safetensors", b"PK"


def weights_from(path: str | Path, digest: str) -> dict[str, Tensor]:
    """Name -> tensor, on the CPU, of a safetensors file or of a state dict that `torch.save` wrote.

    digest: SHA-256 of the file in hex, as its owner published it; what was read is what was compared.
    Raises DataError for a file that is missing, is another one, or holds anything but tensors by their names.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; ask the owner of the weights for the file") from None
    if (here := sha256(data).hexdigest()) != digest.lower():
        raise DataError(f"{path} is another file than was named: its SHA-256 is {here}, not {digest}")
    try:
        weights = _safe(data) if Path(path).suffix == SAFETENSORS else _of_torch(data)
    except (UnpicklingError, RuntimeError, ValueError, EOFError, KeyError) as error:
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


def _safe(data: bytes) -> dict[str, Tensor]:
    """A safetensors file. Source: https://huggingface.co/docs/safetensors"""
    try:
        from safetensors import SafetensorError  # late: a library that only such files need
        from safetensors.torch import load
    except ModuleNotFoundError:
        raise DataError("a .safetensors file needs `pip install safetensors`") from None
    try:
        loaded: dict[str, Tensor] = load(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    return loaded
