"""Steps compiled for one number of clients: fewer passes over memory, for seconds of compiling once a run."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from federation.training.cohort.batches import Batch
from federation.training.cohort.stacked import LossesAndGradients, eager, with_penalty_and_clipping
from federation.training.jobs import Job, Tensors
from federation.training.per_example import Objective

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
        self._compiled: Callable[[dict[str, Tensor], Batch, Tensors, float], LossesAndGradients] | None = None
        self._failed = False

    def __call__(self, leaves: dict[str, Tensor], batch: Batch, start: Tensors, lr: float) -> LossesAndGradients | None:
        """(K,) losses, and gradients of the leaves; none where the step has moved the leaves itself (plain SGD)."""
        if self._compiled is None and not self._failed:
            self._compiled = self._compile(leaves, batch, start)
        if self._compiled is None or self._failed:
            return None
        try:
            return self._compiled(leaves, batch, start, lr)
        except Exception as error:  # torch compiles late, and says all it has to say in errors of its own
            self._failed = True
            log.warning("steps cannot be compiled here, so they are slower: %s", " ".join(str(error).split())[:200])
            return None

    def _compile(
        self, leaves: dict[str, Tensor], batch: Batch, start: Tensors
    ) -> Callable[[dict[str, Tensor], Batch, Tensors, float], LossesAndGradients]:
        losses, used = eager(self._job, self._objective, self._context)(leaves, batch, start)
        # Every kind of job, number of clients and precision is compiled once; torch gives up after eight otherwise.
        torch._dynamo.config.recompile_limit = KINDS
        # One C++ function a step, without Python between its parts.
        # Deterministic: a card's sums are not added in whichever order happened to be the fastest this time.
        options: dict[str, Any] = {"cpp_wrapper": losses.device.type == "cpu", "deterministic": True}
        step: Step = torch.compile(_step(self._job, self._objective), fullgraph=True, dynamic=False, options=options)

        def step_gradients(leaves: dict[str, Tensor], batch: Batch, start: Tensors, lr: float) -> LossesAndGradients:
            held = {name: leaf.detach() for name, leaf in leaves.items()}
            own = {name: leaf for name, leaf in held.items() if name in used}
            others = {name: leaf for name, leaf in held.items() if name not in used}
            # As a tensor: a number would be compiled in.
            rate = torch.tensor(lr, dtype=batch.target.dtype, device=batch.target.device)
            with self._context(), torch.no_grad():
                gradients, losses = step(own, others, batch.inputs, batch.target, batch.seeds, rate)
            return losses, gradients if self._job.client.penalty is None else with_penalty_and_clipping(
                self._job, gradients, leaves, start
            )

        return step_gradients


def _step(job: Job, objective: Objective) -> Step:
    """Gradients are clipped in the same pass, and plain SGD moves the weights in it, unless a strategy adds to them."""
    no_penalty = job.client.penalty is None
    moves = (
        no_penalty and job.client.correction is None and job.settings.optimizer == "sgd" and not job.settings.momentum
    )

    def loss_of_client(
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
        gradients, losses = vmap(grad_and_value(loss_of_client))(own, others, inputs, target, seeds)
        if no_penalty:
            gradients = with_penalty_and_clipping(job, gradients, {}, {})
        if moves:
            for name, gradient in gradients.items():
                own[name].sub_(rate * gradient)
            return {}, losses
        return gradients, losses

    return step
