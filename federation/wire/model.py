"""A model as both sides know it: its digest, and the mean of several."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def model_mean(models: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    """Of models of one structure, summed in this order and in double precision."""
    return {
        name: np.mean([model[name] for model in models], axis=0, dtype=np.float64).astype(value.dtype)
        for name, value in models[0].items()
    }


def model_digest(weights: Arrays) -> str:
    """SHA-256 over names, dtypes, shapes and little-endian values, in alphabetical order of names."""
    hashed = sha256()
    for name in sorted(weights):
        value = np.asarray(weights[name])
        hashed.update(f"{name}\n{value.dtype.name}\n{list(value.shape)}\n".encode())
        hashed.update(value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes())
    return hashed.hexdigest()
