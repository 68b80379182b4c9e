"""Dropout whose mask is a function of a seed, a layer and a position, and of nothing else.

A mask drawn from a generator depends on who drew before: on the other clients of a vmapped chunk, on the device, on the
order of the run. A piece of one fixed table does not, so a cohort trained together ends in the weights of clients
trained one by one. Only where the piece begins is hashed, once for all of its elements.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

ROWS, WIDTH = 2**16, 64  # of the table; a power of two, so that pieces go on at its beginning
LOW = 0xFFFF_FFFF  # 32 bits

_tables: dict[torch.device, Tensor] = {}


def dropout(values: Tensor, share: float, seed: Tensor | int | None, layer: int) -> Tensor:
    """Zero a `share` of the values and scale the others by 1 / (1 - share), so that the expectation stays.

    Args:
        values: (N, ...); the position of an element decides, too.
        share: in [0, 1), rounded to 1 / 65536.
        seed: scalar int64 or, sooner, an int; None to leave the values as they are. Of a part of a batch: (3,) int64,
            the batch's seed, the rows before this part, its own rows; then the parts' masks are those of the whole.
        layer: number of this use within the model; another layer gets another mask.
    """
    if seed is None or share == 0:
        return values
    before: Tensor | int = 0
    if isinstance(seed, Tensor) and seed.ndim:
        seed, before, rows = seed
        before = before * (len(values) // rows)
    kept = random_numbers(values.shape, seed, layer, values.device, before) >= round(share * 2**16) - 2**15
    return values * (kept.to(values.dtype) * (1 / (1 - share)))


def random_numbers(
    shape: torch.Size, seed: Tensor | int, layer: int, device: torch.device, before: Tensor | int = 0
) -> Tensor:
    """`shape` int16, uniform on [-2^15, 2^15): every row of `shape` takes whole rows of the table, one after another.

    Multiplied by an odd number, which changes their order alone: two pieces that overlap are no copies.
    """
    count, size = shape[0], shape[1:].numel()
    each = -(-size // WIDTH)
    first, factor = piece(seed, layer)
    index = (torch.arange(count * each, device=device) + (first + before * each)) & (ROWS - 1)
    picked = embedding(index, table(device)).reshape(count, each * WIDTH)[:, :size].reshape(shape)
    return picked * (factor.to(torch.int16) if isinstance(factor, Tensor) else factor)


def piece(seed: Tensor | int, layer: int) -> tuple[Tensor | int, Tensor | int]:
    """Row of the table in [0, ROWS) with which a piece begins, and the odd factor in [-2^15, 2^15) of its numbers."""
    hashed = _mix(_mix(_mix(seed & LOW) ^ (seed >> 32)) ^ layer)
    return hashed >> 16, (hashed & 0xFFFF | 1) - 2**15


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def table(device: torch.device) -> Tensor:
    """(ROWS, WIDTH) int16: random bits, the same in every process. 8 MiB, made when first needed."""
    if device not in _tables:
        bits = np.random.PCG64(20261129).random_raw(ROWS * WIDTH // 4).astype("<u8")
        _tables[device] = torch.from_numpy(bits.view("<i2").astype(np.int16)).reshape(ROWS, WIDTH).to(device)
    return _tables[device]


def _mix(bits: Tensor | int) -> Tensor | int:
    # An invertible 32-bit hash; every product stays below 2^63, so int64 never overflows on any device.
    # Source of the constants: https://github.com/skeeto/hash-prospector (lowbias32, 2023)
    bits = ((bits ^ (bits >> 16)) * 0x21F0_AAAD) & LOW
    bits = ((bits ^ (bits >> 15)) * 0x735A_2D97) & LOW
    return bits ^ (bits >> 15)
