"""Batches of windows, as tensors on the device that trains."""

from collections.abc import Mapping

import torch
from torch import Tensor

from tasks.data import Array, DenseWindows, Windows

Batch = tuple[dict[str, Tensor], Tensor]  # inputs, target


class Reader:
    """Dense windows are moved to the device once; of others each batch is gathered, so that they are never copied."""

    def __init__(self, windows: Windows, device: torch.device, dtype: torch.dtype) -> None:
        self._windows, self._device, self._dtype = windows, device, dtype
        self._dense = None
        if isinstance(windows, DenseWindows):
            self._dense = to_device(windows.inputs, windows.target, device, dtype)

    def __call__(self, rows: Tensor | slice) -> Batch:
        """Inputs and target of the windows at `rows`, in that order."""
        if self._dense is None:
            inputs, target = self._windows.batch(rows.numpy() if isinstance(rows, Tensor) else rows)
            return to_device(inputs, target, self._device, self._dtype)
        picked = rows.to(self._device) if isinstance(rows, Tensor) else rows
        return {name: values[picked] for name, values in self._dense[0].items()}, self._dense[1][picked]


def to_device(inputs: Mapping[str, Array], target: Array, device: torch.device, dtype: torch.dtype) -> Batch:
    """On the device, real numbers in this dtype; what needs no change shares the memory of the arrays."""
    tensors = {name: torch.from_numpy(values).to(device) for name, values in inputs.items()}
    real = {name: values.to(dtype) if values.is_floating_point() else values for name, values in tensors.items()}
    return real, torch.from_numpy(target).to(device, dtype)
