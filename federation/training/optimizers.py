"""Torch's own optimisers on stacked weights: an element of a stack moves exactly as it would alone."""

from collections.abc import Mapping

import torch
from torch import Tensor

from federation.training.jobs import Job


def optimizer_of(job: Job, leaves: Mapping[str, Tensor]) -> torch.optim.Optimizer:
    """SGD or AdamW over leaves of shape (K, ...). Fused: one pass over memory a step, where stacks outgrow caches."""
    params = list(leaves.values())
    if job.settings.optimizer == "sgd":
        return torch.optim.SGD(params, lr=job.lr, momentum=job.settings.momentum, fused=True)
    return torch.optim.AdamW(params, lr=job.lr, weight_decay=job.settings.weight_decay, fused=True)


def narrowed(
    job: Job, before: torch.optim.Optimizer | None, stacked: Mapping[str, Tensor], clients: int
) -> tuple[dict[str, Tensor], torch.optim.Optimizer]:
    """Leaves for the first `clients` rows, in the memory of `stacked`, and an optimiser that goes on where it was."""
    leaves = {name: value[:clients].detach().requires_grad_() for name, value in stacked.items()}
    after = optimizer_of(job, leaves)
    if before is not None:
        olds = [param for group in before.param_groups for param in group["params"]]
        for old, new in zip(olds, leaves.values(), strict=True):
            after.state[new] = {key: _narrowed(value, clients) for key, value in before.state[old].items()}
    return leaves, after


def clip_each(gradients: list[Tensor], largest: float) -> None:
    """Scale each client's gradient down to this L2 norm over all tensors, in place; clip_grad_norm_ does it for one."""
    if not gradients:
        return
    norms = torch.stack([torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in gradients])
    scale = (largest / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.reshape(-1, *[1] * (gradient.dim() - 1)))


def _narrowed(value: object, clients: int) -> object:
    return value[:clients] if isinstance(value, Tensor) and value.dim() else value  # `step` is a scalar of all
