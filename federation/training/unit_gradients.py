"""The gradient of every place by itself, cut to a length: how far one place can move the sum of all is then known."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call

from federation.training.jobs import Array, Job
from federation.training.reader import Reader
from federation.training.sequential import dtype_of

SMALLER = 1 - 2.0**-30  # by which whole numbers are shrunk whose norm rounding has left a hair too large


def clipped_sum(job: Job, names: Sequence[str], clip: float, step: float) -> NDArray[np.int64]:
    """Sum over places of each one's mean gradient at `job.start`, cut to the L2 norm `clip`: (D,) in units of `step`.

    names: the weights that travel, laid end to end in this order. The mean is the task's loss over all of a place's
    training windows, without dropout. Every place's numbers are whole before they are summed, towards zero, so that
    the norm of what a place adds is at most clip / step in exact arithmetic. One that is not finite adds nothing.
    """
    assert job.train is not None, "a job that trains"
    total = np.zeros(sum(job.start[name].numel() for name in names), np.int64)
    for gradient in unit_gradients(job, names):
        total += clipped(gradient, clip, step)
    return total


def unit_gradients(job: Job, names: Sequence[str]) -> Iterator[Array]:
    """(D,) float64 of every place that has training windows."""
    assert job.train is not None, "a job that trains"
    read = Reader(job.train, torch.device("cpu"), dtype_of(job.start))
    params = {name: value.detach().clone().requires_grad_(name in names) for name, value in job.start.items()}
    for place in np.unique(job.train.place):
        inputs, target = read(torch.from_numpy(np.flatnonzero(job.train.place == place)))
        loss = job.loss(functional_call(job.model, params, (inputs, None)), target)
        gradients = torch.autograd.grad(loss, [params[name] for name in names], allow_unused=True)
        parts = [torch.zeros_like(params[n]) if g is None else g for n, g in zip(names, gradients, strict=True)]
        yield torch.cat([part.flatten() for part in parts]).double().numpy()


def clipped(gradient: Array, clip: float, step: float) -> NDArray[np.int64]:
    """The gradient, no longer than `clip`, in whole units of `step`."""
    largest = clip / step
    norm = float(np.linalg.norm(gradient))
    if not np.isfinite(norm) or norm == 0:
        return np.zeros(len(gradient), np.int64)
    whole = np.trunc(gradient * (min(1.0, clip / norm) / step)).astype(np.int64)
    while _norm_above(whole, largest):
        whole = np.trunc(whole * SMALLER).astype(np.int64)
    return whole


def _norm_above(whole: NDArray[np.int64], largest: float) -> bool:
    """Whether the L2 norm of whole numbers is above `largest`, exactly."""
    return int(np.square(whole).sum(dtype=np.int64)) > Fraction(largest) ** 2
