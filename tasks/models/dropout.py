"""Dropout whose mask is a function of a seed, a layer and a position, and of nothing else.

A mask drawn from a generator depends on who drew before: on the other clients of a vmapped chunk, on the device, on the
order of the run. A hash does not, so a cohort trained together ends in the weights of clients trained one by one.
"""

import torch
from torch import Tensor

LOW = 0xFFFF_FFFF  # 32 bits


def dropout(values: Tensor, share: float, seed: Tensor | None, layer: int) -> Tensor:
    """Zero a `share` of the values and scale the others by 1 / (1 - share), so that the expectation stays.

    Args:
        values: any shape; the position of an element in it is part of the hash.
        share: in [0, 1).
        seed: scalar int64, or None to leave the values as they are. Of a part of a batch: (3,) int64, the batch's seed,
            the rows before this part, its own rows; then the parts' masks are those of the whole.
        layer: number of this use within the model; another layer gets another mask.
    """
    if seed is None or share == 0:
        return values
    first: Tensor | int = 0
    if seed.ndim:
        seed, before, rows = seed
        first = before * (values.numel() // rows)
    kept = uniform_bits(values.numel(), seed, layer, values.device, first).reshape(values.shape) >= round(share * 2**32)
    return torch.where(kept, values / (1 - share), torch.zeros_like(values))


def uniform_bits(count: int, seed: Tensor, layer: int, device: torch.device, first: Tensor | int = 0) -> Tensor:
    """(count,) int64, uniform on [0, 2^32): hashes of (seed, layer, first), ..., (seed, layer, first + count - 1)."""
    index = torch.arange(count, dtype=torch.int64, device=device) + first
    key = _mix(_mix((seed & LOW) ^ 0x9E37_79B9) ^ layer)
    return _mix(_mix(index ^ key) ^ _mix((seed >> 32) & LOW))


def _mix(bits: Tensor) -> Tensor:
    # An invertible 32-bit hash; every product stays below 2^63, so int64 never overflows on any device.
    # Source of the constants: https://github.com/skeeto/hash-prospector (lowbias32, 2023)
    bits = ((bits ^ (bits >> 16)) * 0x21F0_AAAD) & LOW
    bits = ((bits ^ (bits >> 15)) * 0x735A_2D97) & LOW
    return bits ^ (bits >> 15)
