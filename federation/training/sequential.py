"""The sequential trainer: one client after another, in plain torch. Every faster engine must give the same weights.

Where a device runs out of memory, batches and forecasts are worked on in smaller parts, to the same result.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from math import nan

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from federation.training.device import autocast, matmul_precision
from federation.training.examples import averaged
from federation.training.jobs import Array, Finished, Job, Result, Tensors, seed_of
from tasks.task import Windows

log = logging.getLogger(__name__)


def run(jobs: Sequence[Job], device: torch.device | None = None, precision: str = "float32") -> list[Result]:
    """Score and train every job, in order. Results keep the order of the jobs; tensors come back on the CPU.

    precision: float32 | tf32 | bf16, of the matrix products; all else is in the dtype of a job's weights.
    """
    with matmul_precision(precision):
        return [_one(job, device or torch.device("cpu"), precision) for job in jobs]


def _one(job: Job, device: torch.device, precision: str) -> Result:
    start = _on(job.start, device)
    early = job.score is not None and not (job.score_trained and job.train is not None and len(job.train))
    with autocast(precision, device):
        output = forecast(job, start, job.score, device) if early and job.score is not None else None
    if job.train is None or not len(job.train):
        return Result(job=job, params=None, output=output, loss=nan, steps=0, finished=Finished(memory=job.memory))
    params, loss, steps = _train(job, job.train, start, device, precision)
    if job.score is not None and job.score_trained:
        with autocast(precision, device):
            output = forecast(job, params, job.score, device)
    finished = Finished()
    if job.client.finish is not None:
        shared, memory = _on(job.shared, device), _on(job.memory, device)
        finished = job.client.finish(start, params, steps * job.lr, shared, memory)
    cpu = torch.device("cpu")
    return Result(
        job=job,
        params=_on(params, cpu),
        output=output,
        loss=loss,
        steps=steps,
        finished=Finished(released=_on(finished.released, cpu), memory=_on(finished.memory, cpu)),
    )


@torch.no_grad()
def forecast(job: Job, params: Tensors, windows: Windows, device: torch.device, chunk: int = 8192) -> Array:
    """(N, H, K) outputs of the model with these weights, in chunks of windows; no dropout."""
    inputs, _ = records(windows, device, dtype_of(params))
    while True:
        try:
            outputs = [
                functional_call(job.model, dict(params), ({k: v[i : i + chunk] for k, v in inputs.items()}, None))
                .double()
                .cpu()
                .numpy()
                for i in range(0, max(len(windows), 1), chunk)
            ]
        except torch.OutOfMemoryError:
            chunk = min(chunk, len(windows)) // 2
            if chunk == 0:
                raise
            log.warning("%s has too little memory: forecasts %d windows at a time", device, chunk)
        else:
            return np.concatenate(outputs).astype(np.float64)


def _train(
    job: Job, windows: Windows, start: Tensors, device: torch.device, precision: str
) -> tuple[Tensors, float, int]:
    params = {name: value.clone().requires_grad_(True) for name, value in start.items()}
    optimizer = _optimizer(job, list(params.values()))
    corrections: Tensors = {}
    if job.client.correction is not None:
        corrections = job.client.correction(_on(job.shared, device), _on(job.memory, device))
    inputs, target = records(windows, device, dtype_of(start))
    losses: list[Tensor] = []
    parts = 1
    for step, rows in enumerate(batches(job, len(windows))):
        picked = rows.to(device)
        batch = {k: v[picked] for k, v in inputs.items()}, target[picked], seed_of(job.seed, step)
        optimizer.zero_grad(set_to_none=True)
        try:
            loss = _gradient(job, params, batch, precision, parts)
        except torch.OutOfMemoryError:
            loss, parts = _in_less(job, params, batch, precision, parts)
        losses.append(loss)
        if job.client.penalty is not None:
            job.client.penalty(params, start).backward()  # type: ignore[no-untyped-call]
        if job.settings.clip_gradient is not None:
            torch.nn.utils.clip_grad_norm_(list(params.values()), job.settings.clip_gradient)
        for name, correction in corrections.items():
            gradient = params[name].grad
            params[name].grad = correction.clone() if gradient is None else gradient + correction
        optimizer.step()
    per_epoch = len(losses) // job.settings.epochs
    last = torch.stack(losses[-per_epoch:]).mean().item()
    return {name: value.detach() for name, value in params.items()}, last, len(losses)


Batch = tuple[dict[str, Tensor], Tensor, int]  # inputs, target, seed of its dropout masks


def _gradient(job: Job, params: Tensors, batch: Batch, precision: str, parts: int) -> Tensor:
    """Loss of a batch, its gradient being added to the weights' own; in parts, each with its share of what is reported.

    Raises torch.OutOfMemoryError.
    """
    if job.settings.clip_example is not None:
        return _by_example(job, params, batch, precision, parts, job.settings.clip_example)
    inputs, target, seed = batch
    device = target.device
    if parts == 1:
        return _backward(job, params, (inputs, target), seed, precision)
    reported = torch.isfinite(target).sum().clamp(min=1)
    total = torch.zeros((), device=device)
    for rows in torch.arange(len(target), device=device).chunk(parts):
        part = {name: value[rows] for name, value in inputs.items()}, target[rows]
        mask_seed = torch.tensor([seed, int(rows[0]), len(rows)], device=device)
        share = torch.isfinite(target[rows]).sum().to(target.dtype) / reported
        total = total + _backward(job, params, part, mask_seed, precision, share)
    return total


def _by_example(job: Job, params: Tensors, batch: Batch, precision: str, parts: int, largest: float) -> Tensor:
    """As `_gradient`, every example's gradient being clipped by itself."""
    inputs, target, seed = batch

    def objective(weights: Tensors, inputs: Mapping[str, Tensor], target: Tensor, mask_seed: Tensor) -> Tensor:
        with autocast(precision, target.device):
            return job.loss(functional_call(job.model, dict(weights), (dict(inputs), mask_seed)), target)

    held = {name: value.detach() for name, value in params.items()}
    total = torch.zeros((), device=target.device)
    for rows in torch.arange(len(target), device=target.device).chunk(parts):
        mask_seed, size = (torch.tensor(value, device=target.device) for value in (seed + int(rows[0]), len(rows)))
        part = {name: values[rows] for name, values in inputs.items()}
        found, loss = averaged(objective, largest)(held, part, target[rows], mask_seed, size)
        share = len(rows) / len(target)
        total = total + share * loss
        for name, value in params.items():
            value.grad = share * found[name] + (0 if value.grad is None else value.grad)
    return total


def _backward(
    job: Job,
    params: Tensors,
    part: tuple[dict[str, Tensor], Tensor],
    mask_seed: Tensor | int,
    precision: str,
    share: Tensor | float = 1.0,
) -> Tensor:
    inputs, target = part
    with autocast(precision, target.device):
        loss = share * job.loss(functional_call(job.model, dict(params), (inputs, mask_seed)), target)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def _in_less(job: Job, params: Tensors, batch: Batch, precision: str, parts: int) -> tuple[Tensor, int]:
    """The same in twice as many parts, and again twice as many, until they fit. Raises torch.OutOfMemoryError."""
    rows = len(batch[1])
    while parts < rows:
        parts = min(2 * parts, rows)
        log.warning("%s has too little memory: batches are trained in %d parts", batch[1].device, parts)
        for value in params.values():
            value.grad = None
        try:
            return _gradient(job, params, batch, precision, parts), parts
        except torch.OutOfMemoryError:
            continue
    raise torch.OutOfMemoryError(f"{job.country}: not one window fits into the memory of {batch[1].device}")


def batches(job: Job, examples: int) -> Iterator[Tensor]:
    """Row indices of every step: each epoch a fresh permutation from the job's seed, cut into batches."""
    generator = torch.Generator().manual_seed(job.seed)
    for _ in range(job.settings.epochs):
        yield from torch.split(torch.randperm(examples, generator=generator), job.settings.batch_size)


def _optimizer(job: Job, params: list[Tensor]) -> torch.optim.Optimizer:
    if job.settings.optimizer == "sgd":
        return torch.optim.SGD(params, lr=job.lr, momentum=job.settings.momentum, fused=True)
    return torch.optim.AdamW(params, lr=job.lr, weight_decay=job.settings.weight_decay, fused=True)


def records(windows: Windows, device: torch.device, dtype: torch.dtype) -> tuple[dict[str, Tensor], Tensor]:
    """Inputs and target on a device, real numbers in this dtype; what needs no change shares the windows' memory."""
    inputs = {name: torch.from_numpy(values).to(device) for name, values in windows.inputs.items()}
    real = {name: values.to(dtype) if values.is_floating_point() else values for name, values in inputs.items()}
    return real, torch.from_numpy(windows.target).to(device, dtype)


def dtype_of(weights: Tensors) -> torch.dtype:
    """In which a job with these weights calculates."""
    return next(iter(weights.values())).dtype


def _on(tensors: Tensors, device: torch.device) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in tensors.items()}
