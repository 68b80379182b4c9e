"""Steps compiled for fixed numbers of clients: fewer passes over memory, for some seconds of compiling once a run."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from federation.training.draws import Batch
from federation.training.stacked import Gradients, Objective

# torch specialises on the number of clients whatever it is told, and gives up in silence after eight of them, so that
# any number is taken apart into these.
BUCKETS = (32, 16, 8, 4, 2, 1)


def compiled(objective: Objective, context: Callable[[], AbstractContextManager[Any]] = nullcontext) -> Gradients:
    """As `eager`, in pieces of BUCKETS clients; batches must be filled up to one shape."""

    def forward(params: dict[str, Tensor], inputs: dict[str, Tensor], target: Tensor, seeds: Tensor) -> Tensor:
        losses: Tensor = vmap(objective)(params, inputs, target, seeds)
        return losses

    quick = torch.compile(forward, dynamic=False)

    def gradients(leaves: dict[str, Tensor], batch: Batch) -> tuple[Tensor, Mapping[str, Tensor | None]]:
        losses: list[Tensor] = []
        found: list[tuple[Tensor | None, ...]] = []
        for low, high in pieces(len(batch.sizes)):
            own = {name: leaf.detach()[low:high].requires_grad_() for name, leaf in leaves.items()}
            inputs = {name: values[low:high] for name, values in batch.inputs.items()}
            with context():
                told = quick(own, inputs, batch.target[low:high], batch.seeds[low:high])
            found.append(torch.autograd.grad(told.sum(), list(own.values()), allow_unused=True))
            losses.append(told.detach())
        return torch.cat(losses), {
            name: None if parts[0] is None else torch.cat([part for part in parts if part is not None])
            for name, parts in zip(leaves, zip(*found, strict=True), strict=True)
        }

    return gradients


def pieces(clients: int) -> list[tuple[int, int]]:
    """(low, high) of pieces that fill 0..clients, each as long as one of BUCKETS."""
    found: list[tuple[int, int]] = []
    low = 0
    while low < clients:
        size = next(bucket for bucket in BUCKETS if bucket <= clients - low)
        found.append((low, low + size))
        low += size
    return found
