"""How weights travel: float32 as they are, bf16 as the upper half of each number, int8 with one scale an array.

Rounding is part of a run, not of a line: a simulation rounds as a deployment does, so both end in the same weights.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.errors import WireError

TRANSPORTS = ("float32", "bf16", "int8")
TRAVELS_AS = {"float32": np.float32, "bf16": np.uint16, "int8": np.int8}
GROUPS = ("model/", "update/", "shared/")  # what is rounded; scores are counts and sums, and stay exact
SCALES = "scales"  # of the int8 arrays, in alphabetical order of their names
MOST = 127

Arrays = Mapping[str, NDArray[Any]]


def packed(arrays: Arrays, transport: str, seed: int) -> dict[str, NDArray[Any]]:
    """The arrays as a frame carries them; those of GROUPS must be float32 and finite.

    seed: of the stochastic rounding, of one sender and round; an array's draws depend on it and the array's name alone.
    """
    names = [name for name in sorted(arrays) if name.startswith(GROUPS)] if transport != "float32" else []
    framed = {name: value for name, value in arrays.items() if name not in names}
    if transport == "bf16":
        return framed | {name: _upper_half(arrays[name]) for name in names}
    scales = np.zeros(len(names), np.float32)
    for place, name in enumerate(names):
        framed[name], scales[place] = _quantised(arrays[name], np.random.default_rng([seed, *name.encode()]))
    return framed | ({SCALES: scales} if names else {})


def unpacked(arrays: Arrays, transport: str) -> dict[str, NDArray[Any]]:
    """float32 arrays again. Raises WireError for a frame that was packed in another way; values are not looked at."""
    names = [name for name in sorted(arrays) if name.startswith(GROUPS)]
    restored = {name: value for name, value in arrays.items() if name not in names}
    for name in names:
        if arrays[name].dtype != TRAVELS_AS[transport]:
            raise WireError(f"array {name} travels as {arrays[name].dtype}; this run's transport is {transport}")
    if transport == "float32":
        return dict(arrays)
    if transport == "bf16":
        return restored | {name: _whole(arrays[name]) for name in names}
    scales = restored.pop(SCALES, np.zeros(0, np.float32))
    if scales.dtype != np.float32 or scales.shape != (len(names),):
        raise WireError(f"{len(names)} int8 arrays came with scales of shape {scales.shape} and dtype {scales.dtype}")
    with np.errstate(invalid="ignore", over="ignore"):  # scales that are not finite are the receiver's to refuse
        for name, scale in zip(names, scales, strict=True):
            restored[name] = arrays[name].astype(np.float32) * scale
    return restored


def arrived(arrays: Arrays, transport: str, seed: int) -> dict[str, NDArray[Any]]:
    """What the other side makes of arrays that are sent."""
    return unpacked(packed(arrays, transport, seed), transport)


def _quantised(value: NDArray[Any], draws: np.random.Generator) -> tuple[NDArray[np.int8], np.float32]:
    """Rounded up or down by chance, so that it is right in the mean. Source: QSGD, https://arxiv.org/abs/1610.02132"""
    scale = np.float32(np.abs(value).max(initial=0.0) / MOST)
    if scale == 0.0:  # all zero, or too small for a scale
        return np.zeros(value.shape, np.int8), np.float32(0.0)
    steps = np.floor(value.astype(np.float64) / np.float64(scale) + draws.random(value.shape))
    return steps.clip(-MOST, MOST).astype(np.int8), scale


def _upper_half(value: NDArray[Any]) -> NDArray[np.uint16]:
    """To the nearest, ties to even: float32 without its last 16 bits."""
    bits = np.array(value, order="C").view(np.uint32)  # ascontiguousarray would make a list of a number
    rounded: NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded


def _whole(value: NDArray[np.uint16]) -> NDArray[Any]:
    return (value.astype(np.uint32) << 16).view(np.float32)
