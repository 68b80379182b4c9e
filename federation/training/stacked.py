"""A chunk of clients in one step: weights stacked as (K, ...), one vmapped forward, one backward of the summed loss."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.overrides import TorchFunctionMode

from federation.training.chunks import FEW, active, steps_of
from federation.training.device import home
from federation.training.draws import Batch, Draws
from federation.training.examples import Averaged, Objective, averaged
from federation.training.jobs import Job, Tensors
from federation.training.optimizers import clip_each, narrowed
from federation.training.store import Store

# (leaves, batch, start) of K clients -> (K,) losses, and gradients of the leaves that are still to be moved by them
Found = tuple[Tensor, dict[str, Tensor]]
Gradients = Callable[[dict[str, Tensor], Batch, Tensors], Found]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Where one client arrived; params are views of the chunk's tensors."""

    params: dict[str, Tensor]
    loss: float
    steps: int


def train(jobs: Sequence[Job], store: Store, gradients: Gradients, *, full: bool = False) -> list[Trained]:
    """Train jobs that are alike, ordered by falling steps. full: batches of one shape only."""
    job, device = jobs[0], store.device
    steps = [steps_of(one) for one in jobs]
    start = stack([one.start for one in jobs], device)
    params = {name: value.clone(memory_format=torch.contiguous_format) for name, value in start.items()}
    corrections = stack([_correction(one) for one in jobs], device)
    draws = Draws(jobs, store, full=full)
    clients, optimizer, leaves = 0, None, params
    history: list[Tensor] = []
    for step in range(steps[0]):
        if (now := active(steps, step)) != clients:
            clients = now
            leaves, optimizer = narrowed(job, optimizer, params, clients)
        assert optimizer is not None, "the first step has clients"
        losses, found = gradients(leaves, draws.next(clients), start)
        history.append(losses)
        given = _sum(found, {name: correction[:clients] for name, correction in corrections.items()})
        for name, leaf in leaves.items():
            leaf.grad = given.get(name)
        if given:
            optimizer.step()
    return _trained(jobs, params, steps, history)


def objective_of(job: Job, device: torch.device) -> Objective:
    """One client's loss as a pure function."""
    model, buffers = job.model, {name: value.to(device) for name, value in job.model.named_buffers()}

    def objective(params: Tensors, inputs: Mapping[str, Tensor], target: Tensor, seed: Tensor) -> Tensor:
        output = functional_call(model, {**params, **buffers}, (dict(inputs), seed))
        return job.loss(output.to(target.dtype), target)  # a loss in bf16 would round its sum

    return objective


def eager(
    job: Job, objective: Objective, context: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> Gradients:
    """Gradients by autograd over a vmapped forward; of one or two clients by plain forwards, without filling rows."""
    if job.settings.clip_example is not None:
        return _by_example(job, averaged(objective, job.settings.clip_example))

    def gradients(leaves: dict[str, Tensor], batch: Batch, start: Tensors) -> Found:
        with context():
            losses = (plain if len(batch.sizes) <= FEW else vmapped)(objective, leaves, batch)
        found = torch.autograd.grad(losses.sum(), list(leaves.values()), allow_unused=True)
        # Fused optimisers take the memory as it lies; a transposed gradient gave wrong weights.
        named = {name: one.contiguous() for name, one in zip(leaves, found, strict=True) if one is not None}
        return losses.detach(), tidied(job, named, leaves, start)

    return gradients


def _by_example(job: Job, one: Averaged) -> Gradients:
    def gradients(leaves: dict[str, Tensor], batch: Batch, start: Tensors) -> Found:
        held = {name: leaf.detach() for name, leaf in leaves.items()}
        sizes = torch.tensor(batch.sizes, device=batch.target.device)
        with FlatLinear():
            found, losses = vmap(one)(held, batch.inputs, batch.target, batch.seeds, sizes)
        return losses, tidied(job, {name: value.contiguous() for name, value in found.items()}, leaves, start)

    return gradients


def tidied(job: Job, found: dict[str, Tensor], leaves: dict[str, Tensor], start: Tensors) -> dict[str, Tensor]:
    """The loss's gradients with the penalty's, then clipped; `found` may be written over."""
    if job.client.penalty is not None:
        found = _sum(found, _of_penalty(job.client.penalty, leaves, start))
    if job.settings.clip_gradient is not None:
        clip_each(list(found.values()), job.settings.clip_gradient)
    return found


def vmapped(objective: Objective, params: dict[str, Tensor], batch: Batch) -> Tensor:
    """(K,) losses in one forward."""
    with FlatLinear():
        losses: Tensor = vmap(objective)(params, batch.inputs, batch.target, batch.seeds)
    return losses


def plain(objective: Objective, params: dict[str, Tensor], batch: Batch) -> Tensor:
    """(K,) losses, one client after another."""
    rows = zip(*(value.unbind() for value in params.values()), strict=True)
    losses = []
    for client, (own, size) in enumerate(zip(rows, batch.sizes, strict=True)):
        inputs = {name: values[client, :size] for name, values in batch.inputs.items()}
        weights = dict(zip(params, own, strict=True))
        losses.append(objective(weights, inputs, batch.target[client, :size], batch.seeds[client]))
    return torch.stack(losses)


class FlatLinear(TorchFunctionMode):
    """Linear layers as one matrix product a client. vmap's own rule makes one of every row of a 3-D input."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Replace F.linear, pass on all else."""
        if func is not nn.functional.linear:
            return func(*args, **(kwargs or {}))
        return _linear(*args, **(kwargs or {}))


def stack(several: Sequence[Tensors], device: torch.device) -> dict[str, Tensor]:
    """name -> (K, ...); a view of the first where all are the same, as in a round's common start."""
    first = several[0]
    if all(own is first or _same(own, first) for own in several):
        return {name: value.to(device).expand(len(several), *value.shape) for name, value in first.items()}
    return {name: torch.stack([own[name] for own in several]).to(device) for name in first}


def _same(one: Tensors, other: Tensors) -> bool:
    return all(value is other[name] or torch.equal(value, other[name]) for name, value in one.items())


def _linear(values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    flat = values.reshape(-1, values.shape[-1])
    out = flat @ weight.mT if bias is None else torch.addmm(bias, flat, weight.mT)
    return out.reshape(*values.shape[:-1], weight.shape[0])


def _correction(job: Job) -> Tensors:
    return {} if job.client.correction is None else job.client.correction(job.shared, job.memory)


def _of_penalty(
    penalty: Callable[[Tensors, Tensors], Tensor], leaves: dict[str, Tensor], start: Tensors
) -> dict[str, Tensor]:
    clients = len(next(iter(leaves.values())))
    losses = vmap(penalty)(leaves, {name: value[:clients] for name, value in start.items()})
    found = torch.autograd.grad(losses.sum(), list(leaves.values()), allow_unused=True)
    return {name: gradient for name, gradient in zip(leaves, found, strict=True) if gradient is not None}


def _sum(one: Mapping[str, Tensor], other: Tensors) -> dict[str, Tensor]:
    """Gradients of both, name by name; contiguous."""
    both = {name: value + other[name] if name in other else value for name, value in one.items()}
    return both | {name: value.contiguous() for name, value in other.items() if name not in one}


def _trained(
    jobs: Sequence[Job], params: dict[str, Tensor], steps: Sequence[int], history: Sequence[Tensor]
) -> list[Trained]:
    table = torch.full((len(history), len(jobs)), torch.nan, dtype=history[0].dtype)
    for row, losses in zip(
        table, torch.split(torch.cat(list(history)).cpu(), [len(one) for one in history]), strict=True
    ):
        row[: len(losses)] = losses
    arrived = {name: value.unbind() for name, value in home(params).items()}
    found = []
    for client, (job, many) in enumerate(zip(jobs, steps, strict=True)):
        last = table[many - many // job.settings.epochs : many, client]
        own = {name: values[client] for name, values in arrived.items()}
        found.append(Trained(params=own, loss=last.mean().item(), steps=many))
    return found
