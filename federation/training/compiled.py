"""Steps compiled for one number of clients: fewer passes over memory, for seconds of compiling once a run."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from federation.training.draws import Batch
from federation.training.stacked import Gradients, Objective, eager

log = logging.getLogger(__name__)


class Compiled:
    """Gradients as those of `eager`, for as many clients in every call, in batches filled up to one width.

    None where nothing can be compiled, for want of a C++ compiler or because a model does what no compiler follows:
    the log says so once, and the caller goes on eagerly.
    """

    def __init__(self, objective: Objective, context: Callable[[], AbstractContextManager[Any]]) -> None:
        self._objective, self._context = objective, context
        self._quick: Gradients | None = None
        self._failed = False
        self._first = Lock()  # chunks train in several threads; one of them compiles

    def __call__(self, leaves: dict[str, Tensor], batch: Batch) -> tuple[Tensor, Mapping[str, Tensor | None]] | None:
        """(K,) losses, and gradients of the leaves."""
        with self._first:
            if self._quick is None and not self._failed:
                self._quick = self._made(leaves, batch)
        if self._quick is None or self._failed:
            return None
        try:
            return self._quick(leaves, batch)
        except Exception as error:  # torch compiles late, and says all it has to say in errors of its own
            self._failed = True
            log.warning("steps cannot be compiled here, so they are slower: %s", " ".join(str(error).split())[:200])
            return None

    def _made(self, leaves: dict[str, Tensor], batch: Batch) -> Gradients:
        losses, found = eager(self._objective, self._context)(leaves, batch)
        used = frozenset(name for name, gradient in found.items() if gradient is not None)
        return self._compiled(used, on_cpu=losses.device.type == "cpu")

    def _compiled(self, used: frozenset[str], *, on_cpu: bool) -> Gradients:
        # One C++ function a step: Python's lock is free while it runs, so that chunks can train in several threads.
        step = torch.compile(_step(self._objective), fullgraph=True, dynamic=False, options={"cpp_wrapper": on_cpu})

        def gradients(leaves: dict[str, Tensor], batch: Batch) -> tuple[Tensor, Mapping[str, Tensor | None]]:
            held = {name: leaf.detach() for name, leaf in leaves.items()}
            own = {name: leaf for name, leaf in held.items() if name in used}
            others = {name: leaf for name, leaf in held.items() if name not in used}
            with self._context(), torch.no_grad():
                found, losses = step(own, others, batch.inputs, batch.target, batch.seeds)
            return losses, {name: found.get(name) for name in leaves}

        return gradients


def _step(objective: Objective) -> Callable[..., tuple[dict[str, Tensor], Tensor]]:
    """(leaves with a part in the loss, others, inputs, target, seeds) of K -> gradients of the first, losses."""

    def of_one(
        own: dict[str, Tensor], others: dict[str, Tensor], inputs: dict[str, Tensor], target: Tensor, seed: Tensor
    ) -> Tensor:
        return objective({**others, **own}, inputs, target, seed)

    step: Callable[..., tuple[dict[str, Tensor], Tensor]] = vmap(grad_and_value(of_one))
    return step
