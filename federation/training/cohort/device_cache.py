"""Records on the device that trains: moved once, kept as long as the engine lives."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tasks.data import Windows


class Store:
    """Tensors of windows. The windows are held too, so that an id cannot come to mean other records."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._kept: dict[int, tuple[Windows, dict[str, Tensor], Tensor]] = {}

    def tensors(self, windows: Windows) -> tuple[dict[str, Tensor], Tensor]:
        """Inputs and target of these windows; on a CPU they share the memory of the windows' own arrays."""
        if id(windows) not in self._kept:
            inputs = {name: torch.from_numpy(values).to(self.device) for name, values in windows.inputs.items()}
            self._kept[id(windows)] = windows, inputs, torch.from_numpy(windows.target).to(self.device)
        return self._kept[id(windows)][1:]

    def joined(self, several: Sequence[Windows]) -> tuple[dict[str, Tensor], Tensor, list[int]]:
        """Inputs and targets of several windows end to end, and where each begins; the same windows lie there once."""
        begins: dict[int, int] = {}
        parts: list[tuple[dict[str, Tensor], Tensor]] = []
        end = 0
        for windows in several:
            if id(windows) not in begins:
                begins[id(windows)] = end
                parts.append(self.tensors(windows))
                end += len(windows)
        inputs = {name: torch.cat([own[name] for own, _ in parts]) for name in parts[0][0]}
        return inputs, torch.cat([target for _, target in parts]), [begins[id(windows)] for windows in several]
