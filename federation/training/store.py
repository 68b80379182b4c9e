"""Records on the device that trains: moved once, kept as long as the engine lives."""

from collections.abc import Sequence

import torch
from torch import Tensor

from federation.training.sequential import records
from tasks.task import Windows


class Store:
    """Tensors of windows. The windows are held too, so that an id cannot come to mean other records."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._kept: dict[tuple[int, torch.dtype], tuple[Windows, dict[str, Tensor], Tensor]] = {}

    def tensors(self, windows: Windows, dtype: torch.dtype) -> tuple[dict[str, Tensor], Tensor]:
        """Inputs and target of these windows; on a CPU, in their own dtype, they share the memory of their arrays."""
        key = id(windows), dtype
        if key not in self._kept:
            self._kept[key] = windows, *records(windows, self.device, dtype)
        return self._kept[key][1:]

    def joined(self, several: Sequence[Windows], dtype: torch.dtype) -> tuple[dict[str, Tensor], Tensor, list[int]]:
        """Inputs and targets of several windows end to end, and where each begins; the same windows lie there once."""
        begins: dict[int, int] = {}
        parts: list[tuple[dict[str, Tensor], Tensor]] = []
        end = 0
        for windows in several:
            if id(windows) not in begins:
                begins[id(windows)] = end
                parts.append(self.tensors(windows, dtype))
                end += len(windows)
        inputs = {name: torch.cat([own[name] for own, _ in parts]) for name in parts[0][0]}
        return inputs, torch.cat([target for _, target in parts]), [begins[id(windows)] for windows in several]
