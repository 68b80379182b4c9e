"""The sequential trainer: one client after another, in plain torch. Every faster engine must give the same weights.

Where a device runs out of memory, batches and forecasts are worked on in smaller parts, to the same result.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import nan

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from federation.training.device import autocast, matmul_precision
from federation.training.jobs import Array, Finished, Job, Result, Tensors, last_losses, seed_of, steps_in
from federation.training.per_example import mean_clipped_gradient
from federation.training.reader import Reader
from tasks.data import Windows
from tasks.models.weights import with_constants_on

log = logging.getLogger(__name__)


def run(jobs: Sequence[Job], device: torch.device | None = None, precision: str = "float32") -> list[Result]:
    """Score and train every job, in order. Results keep the order of the jobs; tensors come back on the CPU.

    precision: float32 | tf32 | bf16, of the matrix products; all else is in the dtype of a job's weights.
    """
    with matmul_precision(precision):
        return [_run_job(job, device or torch.device("cpu"), precision) for job in jobs]


def _run_job(job: Job, device: torch.device, precision: str) -> Result:
    result = _score_and_train(replace(job, model=with_constants_on(job.model, device)), device, precision)
    return replace(result, job=job)


def _score_and_train(job: Job, device: torch.device, precision: str) -> Result:
    start = _on(job.start, device)
    early = job.score is not None and not (job.score_trained and job.train is not None and len(job.train))
    with autocast(precision, device):
        output = forecast(job, start, job.score, device) if early and job.score is not None else None
    if job.train is None or not len(job.train):
        return Result(job=job, params=None, output=output, loss=nan, steps=0, finished=Finished(memory=job.memory))
    start_loss = None
    if job.client.start_loss:
        with autocast(precision, device):
            start_loss = loss_of(job, forecast(job, start, job.train, device))
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
        start_loss=start_loss,
    )


@torch.no_grad()
def forecast(job: Job, params: Tensors, windows: Windows, device: torch.device, chunk: int = 8192) -> Array:
    """(N, H, K) outputs of the model with these weights, in chunks of windows; no dropout."""
    read = Reader(windows, device, dtype_of(params))
    while True:
        try:
            outputs = [
                functional_call(job.model, dict(params), (read(slice(i, i + chunk))[0], None)).double().cpu().numpy()
                for i in range(0, max(len(windows), 1), chunk)
            ]
        except torch.OutOfMemoryError:
            chunk = min(chunk, len(windows)) // 2
            if chunk == 0:
                raise
            log.warning("%s has too little memory: forecasts %d windows at a time", device, chunk)
        else:
            return np.concatenate(outputs).astype(np.float64, copy=False)


def loss_of(job: Job, output: Array) -> float:
    """The task's loss of these (N, H, K) outputs for all training windows."""
    assert job.train is not None, "a job that trains"
    return job.loss(torch.from_numpy(output), torch.from_numpy(job.train.target).double()).item()


def _train(
    job: Job, windows: Windows, start: Tensors, device: torch.device, precision: str
) -> tuple[Tensors, float, int]:
    params = {name: value.clone().requires_grad_(True) for name, value in start.items()}
    optimizer = _optimizer(job, list(params.values()))
    corrections: Tensors = {}
    if job.client.correction is not None:
        corrections = job.client.correction(_on(job.shared, device), _on(job.memory, device))
    read = Reader(windows, device, dtype_of(start))
    losses: list[Tensor] = []
    parts = 1
    for step, rows in enumerate(batches(job, len(windows))):
        batch = *read(rows), seed_of(job.seed, step)
        optimizer.zero_grad(set_to_none=True)
        try:
            loss = _gradient(job, params, batch, precision, parts)
        except torch.OutOfMemoryError:
            loss, parts = _in_smaller_parts(job, params, batch, precision, parts)
        losses.append(loss)
        if job.client.penalty is not None:
            job.client.penalty(params, start).backward()  # type: ignore[no-untyped-call]
        if job.settings.clip_gradient is not None:
            torch.nn.utils.clip_grad_norm_(list(params.values()), job.settings.clip_gradient)
        for name, correction in corrections.items():
            gradient = params[name].grad
            params[name].grad = correction.clone() if gradient is None else gradient + correction
        optimizer.step()
    last = torch.stack(losses[-last_losses(job.settings, len(windows)) :]).mean().item()
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
        grads, loss = mean_clipped_gradient(objective, largest)(held, part, target[rows], mask_seed, size)
        share = len(rows) / len(target)
        total = total + share * loss
        for name, value in params.items():
            value.grad = share * grads[name] + (0 if value.grad is None else value.grad)
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


def _in_smaller_parts(job: Job, params: Tensors, batch: Batch, precision: str, parts: int) -> tuple[Tensor, int]:
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
    """Row indices of every step: one fresh permutation from the job's seed after another, cut into batches."""
    generator = torch.Generator().manual_seed(job.seed)
    left = steps_in(job.settings, examples)
    while left:
        epoch = torch.split(torch.randperm(examples, generator=generator), job.settings.batch_size)[:left]
        yield from epoch
        left -= len(epoch)


def _optimizer(job: Job, params: list[Tensor]) -> torch.optim.Optimizer:
    if job.settings.optimizer == "sgd":
        return torch.optim.SGD(params, lr=job.lr, momentum=job.settings.momentum, fused=True)
    return torch.optim.AdamW(params, lr=job.lr, weight_decay=job.settings.weight_decay, fused=True)


def dtype_of(weights: Tensors) -> torch.dtype:
    """In which a job with these weights calculates."""
    return next(iter(weights.values())).dtype


def _on(tensors: Tensors, device: torch.device) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in tensors.items()}
