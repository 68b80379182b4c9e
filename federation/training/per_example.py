"""Gradients of single examples, each clipped before they are averaged: what differential privacy adds its noise to."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from federation.training.jobs import Tensors

# (weights, inputs, target, seed) of one client -> the task's loss
Objective = Callable[[Tensors, Mapping[str, Tensor], Tensor, Tensor], Tensor]
MeanClippedGradient = Callable[
    [dict[str, Tensor], Mapping[str, Tensor], Tensor, Tensor, Tensor], tuple[dict[str, Tensor], Tensor]
]


def mean_clipped_gradient(objective: Objective, largest: float) -> MeanClippedGradient:
    """(weights, inputs, target, seed, size) of one client -> gradients, loss; itself usable under vmap.

    The gradient is the mean over the first `size` rows of each row's own, scaled down to the L2 norm `largest` over
    all tensors; the loss is the mean of the rows' losses. A row is a batch of one, with a dropout mask of its own.
    Source: Abadi et al. (2016), https://arxiv.org/abs/1607.00133, without the noise
    """

    def of_row(weights: dict[str, Tensor], inputs: dict[str, Tensor], target: Tensor, seed: Tensor) -> Tensor:
        return objective(weights, {name: values[None] for name, values in inputs.items()}, target[None], seed)

    per_row = vmap(grad_and_value(of_row), in_dims=(None, 0, 0, 0))

    def gradients(
        weights: dict[str, Tensor], inputs: Mapping[str, Tensor], target: Tensor, seed: Tensor, size: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        rows = torch.arange(len(target), device=target.device)
        grads, losses = per_row(weights, dict(inputs), target, seed + rows)
        own = {name: _masked(one, rows < size) for name, one in grads.items()}  # a filling row may be NaN
        squares = torch.stack([one.flatten(1).square().sum(1) for one in own.values()])
        share = (largest / (squares.sum(0).sqrt() + 1e-6)).clamp(max=1.0) / size
        return {name: torch.tensordot(share, one, 1) for name, one in own.items()}, _masked(
            losses, rows < size
        ).sum() / size

    return gradients


def _masked(values: Tensor, rows: Tensor) -> Tensor:
    return torch.where(rows.reshape(-1, *[1] * (values.dim() - 1)), values, 0.0)
