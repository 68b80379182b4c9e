"""Records on the device that trains: moved once, kept as long as the engine lives."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from federation.training.reader import Batch, Reader, to_device
from tasks.data import DenseWindows, Windows
from tasks.gathered_windows import joined


class DeviceCache:
    """Tensors of dense windows, which are held too, so that an id cannot come to mean other records."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._kept: dict[tuple[int, torch.dtype], tuple[DenseWindows, Batch]] = {}

    def tensors(self, windows: DenseWindows, dtype: torch.dtype) -> Batch:
        """Inputs and target of these windows; on a CPU, in their own dtype, they share the memory of their arrays."""
        key = id(windows), dtype
        if key not in self._kept:
            self._kept[key] = windows, to_device(windows.inputs, windows.target, self.device, dtype)
        return self._kept[key][1]

    def concatenated_reader(
        self, several: Sequence[Windows], dtype: torch.dtype
    ) -> Callable[[slice], dict[str, Tensor]]:
        """Rows of several windows laid end to end -> their inputs."""
        held = [windows for windows in several if isinstance(windows, DenseWindows)]
        if len(held) < len(several):
            read = Reader(joined(several), self.device, dtype)
            return lambda rows: read(rows)[0]
        parts = [self.tensors(windows, dtype)[0] for windows in held]
        inputs = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        return lambda rows: {name: values[rows] for name, values in inputs.items()}

    def batch_reader(self, several: Sequence[Windows], dtype: torch.dtype) -> Callable[[Tensor], Batch]:
        """(K, B) rows of each of the first K windows -> inputs and target, (K, B, ...)."""
        held = [windows for windows in several if isinstance(windows, DenseWindows)]
        if len(held) < len(several):
            return lambda rows: self._read_each(several, rows, dtype)
        inputs, target, begins = self._concatenated(held, dtype)

        def pick(rows: Tensor) -> Batch:
            at = (rows + begins[: len(rows), None]).to(self.device)
            return {name: values[at] for name, values in inputs.items()}, target[at]

        return pick

    def _read_each(self, several: Sequence[Windows], rows: Tensor, dtype: torch.dtype) -> Batch:
        batches = [Reader(windows, self.device, dtype)(row) for windows, row in zip(several, rows, strict=False)]
        inputs = {name: torch.stack([batch[name] for batch, _ in batches]) for name in batches[0][0]}
        return inputs, torch.stack([target for _, target in batches])

    def _concatenated(
        self, several: Sequence[DenseWindows], dtype: torch.dtype
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Inputs and targets end to end, and where each begins; the same windows lie there once."""
        begins: dict[int, int] = {}
        parts: list[Batch] = []
        end = 0
        for windows in several:
            if id(windows) not in begins:
                begins[id(windows)] = end
                parts.append(self.tensors(windows, dtype))
                end += len(windows)
        inputs = {name: torch.cat([part[name] for part, _ in parts]) for name in parts[0][0]}
        target = torch.cat([target for _, target in parts])
        return inputs, target, torch.tensor([begins[id(windows)] for windows in several])
