"""Steps compiled for one number of clients: fewer passes over memory, for seconds of compiling once a run."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from federation.training.draws import Batch
from federation.training.examples import Objective
from federation.training.jobs import Job, Tensors
from federation.training.stacked import Found, eager, tidied

log = logging.getLogger(__name__)

KINDS = 256

# (leaves with a part in the loss, others, inputs, target, seeds), all (K, ...), and the rate -> gradients, losses
Step = Callable[
    [dict[str, Tensor], dict[str, Tensor], dict[str, Tensor], Tensor, Tensor, Tensor],
    tuple[dict[str, Tensor], Tensor],
]


class Compiled:
    """Gradients as those of `eager`, for as many clients in every call, in batches filled up to one width.

    None where nothing can be compiled, for want of a C++ compiler or because a model does what no compiler follows:
    the log says so once, and the caller goes on eagerly.
    """

    def __init__(self, job: Job, objective: Objective, context: Callable[[], AbstractContextManager[Any]]) -> None:
        self._job, self._objective, self._context = job, objective, context
        self._quick: Callable[[dict[str, Tensor], Batch, Tensors, float], Found] | None = None
        self._failed = False

    def __call__(self, leaves: dict[str, Tensor], batch: Batch, start: Tensors, lr: float) -> Found | None:
        """(K,) losses, and gradients of the leaves; none where the step has moved the leaves itself (plain SGD)."""
        if self._quick is None and not self._failed:
            self._quick = self._made(leaves, batch, start)
        if self._quick is None or self._failed:
            return None
        try:
            return self._quick(leaves, batch, start, lr)
        except Exception as error:  # torch compiles late, and says all it has to say in errors of its own
            self._failed = True
            log.warning("steps cannot be compiled here, so they are slower: %s", " ".join(str(error).split())[:200])
            return None

    def _made(
        self, leaves: dict[str, Tensor], batch: Batch, start: Tensors
    ) -> Callable[[dict[str, Tensor], Batch, Tensors, float], Found]:
        losses, used = eager(self._job, self._objective, self._context)(leaves, batch, start)
        # Every kind of job, number of clients and precision is compiled once; torch gives up after eight otherwise.
        torch._dynamo.config.recompile_limit = KINDS
        # One C++ function a step, without Python between its parts.
        # Deterministic: a card's sums are not added in whichever order happened to be the fastest this time.
        options: dict[str, Any] = {"cpp_wrapper": losses.device.type == "cpu", "deterministic": True}
        step: Step = torch.compile(_step(self._job, self._objective), fullgraph=True, dynamic=False, options=options)

        def gradients(leaves: dict[str, Tensor], batch: Batch, start: Tensors, lr: float) -> Found:
            held = {name: leaf.detach() for name, leaf in leaves.items()}
            own = {name: leaf for name, leaf in held.items() if name in used}
            others = {name: leaf for name, leaf in held.items() if name not in used}
            # As a tensor: a number would be compiled in.
            rate = torch.tensor(lr, dtype=batch.target.dtype, device=batch.target.device)
            with self._context(), torch.no_grad():
                found, losses = step(own, others, batch.inputs, batch.target, batch.seeds, rate)
            return losses, found if self._job.client.penalty is None else tidied(self._job, found, leaves, start)

        return gradients


def _step(job: Job, objective: Objective) -> Step:
    """Gradients are tidied in the same pass, and followed where that is plain SGD, unless a strategy comes between."""
    alone = job.client.penalty is None
    moves = alone and job.client.correction is None and job.settings.optimizer == "sgd" and not job.settings.momentum

    def of_one(
        own: dict[str, Tensor], others: dict[str, Tensor], inputs: dict[str, Tensor], target: Tensor, seed: Tensor
    ) -> Tensor:
        return objective({**others, **own}, inputs, target, seed)

    def step(
        own: dict[str, Tensor],
        others: dict[str, Tensor],
        inputs: dict[str, Tensor],
        target: Tensor,
        seeds: Tensor,
        rate: Tensor,
    ) -> tuple[dict[str, Tensor], Tensor]:
        found, losses = vmap(grad_and_value(of_one))(own, others, inputs, target, seeds)
        if alone:
            found = tidied(job, found, {}, {})
        if moves:
            for name, gradient in found.items():
                own[name].sub_(rate * gradient)
            return {}, losses
        return found, losses

    return step
