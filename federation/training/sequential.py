"""The sequential trainer: one client after another, in plain torch. Every faster engine must give the same weights."""

from collections.abc import Iterator, Mapping, Sequence
from math import nan

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from federation.training.examples import averaged
from federation.training.jobs import Array, Finished, Job, Result, Tensors, seed_of
from federation.training.rounding import EPSILON, shrink_to_zero
from tasks.task import Windows


def run(jobs: Sequence[Job], device: torch.device | None = None) -> list[Result]:
    """Score and train every job, in order. Results keep the order of the jobs; tensors come back on the CPU."""
    return [_one(job, device or torch.device("cpu")) for job in jobs]


def _one(job: Job, device: torch.device) -> Result:
    start = {name: value.to(device) for name, value in job.start.items()}
    early = job.score is not None and not (job.score_trained and job.train is not None and len(job.train))
    output = forecast(job, start, job.score, device) if early and job.score is not None else None
    if job.train is None or not len(job.train):
        return Result(job=job, params=None, output=output, loss=nan, steps=0, finished=Finished(memory=job.memory))
    params, loss, steps = _train(job, job.train, start, device)
    if job.score is not None and job.score_trained:
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
    outputs = [
        functional_call(job.model, dict(params), ({k: v[i : i + chunk] for k, v in inputs.items()}, None)).cpu().numpy()
        for inputs in [_inputs(windows, device)]
        for i in range(0, max(len(windows), 1), chunk)
    ]
    return np.concatenate(outputs).astype(np.float64)


def _train(job: Job, windows: Windows, start: Tensors, device: torch.device) -> tuple[Tensors, float, int]:
    params = {name: value.clone().requires_grad_(True) for name, value in start.items()}
    optimizer = _optimizer(job, list(params.values()))
    corrections: Tensors = {}
    if job.client.correction is not None:
        corrections = job.client.correction(_on(job.shared, device), _on(job.memory, device))
    inputs, target = _inputs(windows, device), torch.from_numpy(windows.target).to(device)
    losses: list[Tensor] = []
    for step, rows in enumerate(batches(job, len(windows))):
        picked = rows.to(device)
        mask_seed = torch.tensor(seed_of(job.seed, step), device=device)
        optimizer.zero_grad(set_to_none=True)
        batch = {name: values[picked] for name, values in inputs.items()}
        losses.append(_backward(job, params, batch, target[picked], mask_seed))
        if job.settings.optimizer == "adamw":
            shrink_to_zero([value.grad[None] for value in params.values() if value.grad is not None])
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


def _backward(job: Job, params: dict[str, Tensor], inputs: dict[str, Tensor], target: Tensor, seed: Tensor) -> Tensor:
    """The loss of one batch; its gradients are left with the parameters."""

    def objective(weights: Tensors, inputs: Mapping[str, Tensor], target: Tensor, seed: Tensor) -> Tensor:
        return job.loss(functional_call(job.model, dict(weights), (dict(inputs), seed)), target)

    if job.settings.clip_example is None:
        loss = objective(params, inputs, target, seed)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
    held, size = {name: value.detach() for name, value in params.items()}, torch.tensor(len(target))
    found, loss = averaged(objective, job.settings.clip_example)(held, inputs, target, seed, size.to(target.device))
    for name, value in params.items():
        value.grad = found[name]
    return loss


def batches(job: Job, examples: int) -> Iterator[Tensor]:
    """Row indices of every step: each epoch a fresh permutation from the job's seed, cut into batches."""
    generator = torch.Generator().manual_seed(job.seed)
    for _ in range(job.settings.epochs):
        yield from torch.split(torch.randperm(examples, generator=generator), job.settings.batch_size)


def _optimizer(job: Job, params: list[Tensor]) -> torch.optim.Optimizer:
    if job.settings.optimizer == "sgd":
        return torch.optim.SGD(params, lr=job.lr, momentum=job.settings.momentum)
    return torch.optim.AdamW(params, lr=job.lr, eps=EPSILON, weight_decay=job.settings.weight_decay)


def _inputs(windows: Windows, device: torch.device) -> dict[str, Tensor]:
    return {name: torch.from_numpy(values).to(device) for name, values in windows.inputs.items()}


def _on(tensors: Tensors, device: torch.device) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in tensors.items()}
