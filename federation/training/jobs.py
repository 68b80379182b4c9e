"""A job: what training needs to know, and no more. A result: what came of it. Neither knows of a vault or a network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from math import ceil, cos, pi
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn

from federation.settings.parts import TrainingSettings
from tasks.data import Windows

Tensors = Mapping[str, Tensor]
Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What a client half makes of a finished training: arrays to release with the update, and memory to keep."""

    released: Tensors = field(default_factory=dict)
    memory: Tensors = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ClientHalf:
    """The client's part of a strategy, as pure functions on one client's tensors; all of them work under vmap.

    penalty: (weights, start) -> scalar added to the task's loss at every step.
    correction: (shared arrays, memory) -> name -> tensor added to the gradient at every step.
    finish: (start, end, sum of learning rates, shared, memory) -> Finished.
    start_loss: whether the server half needs the loss of the model that arrived, over all training records.
    """

    penalty: Callable[[Tensors, Tensors], Tensor] | None = None
    correction: Callable[[Tensors, Tensors], Tensors] | None = None
    finish: Callable[[Tensors, Tensors, float, Tensors, Tensors], Finished] | None = None
    start_loss: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """One country's work on one model in one round.

    model: its structure; weights come from `start` and are never written into it by the caller.
    start: name -> weights to score and to train from. shared, memory: the strategy's arrays (server's, country's own).
    train: windows to learn from, or None; score: windows to forecast with `start`, or, if `score_trained`, with what
    training made of it; or None.
    lr: of this round. seed: of this country, round and arm.
    """

    country: str
    arm: str
    model: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    start: Tensors
    train: Windows | None
    score: Windows | None
    settings: TrainingSettings
    client: ClientHalf
    shared: Tensors = field(default_factory=dict)
    memory: Tensors = field(default_factory=dict)
    lr: float
    seed: int
    score_trained: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """params: trained weights, or None if there was nothing to train. output: (N, H, K) of the scored windows, or None.

    loss: mean training loss over the last epoch (of fewer steps: over them all), NaN without training.
    start_loss: the loss of `start` over all training windows, without dropout; None unless the client half needs it.
    """

    job: Job
    params: Tensors | None
    output: Array | None
    loss: float
    steps: int
    finished: Finished = field(default_factory=Finished)
    start_loss: float | None = None


def steps_in(settings: TrainingSettings, examples: int) -> int:
    """Optimiser steps of one round on so many examples: those set, or those of all epochs."""
    if not examples:
        return 0
    return settings.steps or (settings.epochs or 0) * ceil(examples / settings.batch_size)


def last_losses(settings: TrainingSettings, examples: int) -> int:
    """How many of the last steps the reported training loss is the mean of: those of one epoch, or all if fewer."""
    return min(steps_in(settings, examples), ceil(examples / settings.batch_size))


def seed_of(*parts: str | int) -> int:
    """A 63-bit seed from names and numbers such as (run seed, country, round), never from an id or an arrival order."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") >> 1


def rounding_seed(seed: int, round_: int) -> int:
    """Of the rounding of what the coordinator of a run sends in a round: every client gets the same model."""
    return seed_of(seed, "coordinator", round_, "transport")


def rate_of(settings: TrainingSettings, round_: int, rounds: int) -> float:
    """Learning rate of a round, counted from 1; cosine falls from lr to lr/20 over the rounds."""
    if settings.schedule == "constant" or rounds == 1:
        return settings.lr
    share = (round_ - 1) / (rounds - 1)
    return settings.lr * (0.05 + 0.95 * (1 + cos(pi * share)) / 2)
