"""Which jobs may share one step: the same structure, loss, strategy half and settings."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import astuple, replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from federation.training.jobs import Job

PLAIN = (bool, int, float, str, type(None))


def groups(jobs: Sequence[Job]) -> list[list[int]]:
    """Places of jobs that can be trained together, in the order in which each group first appears."""
    found: dict[Hashable, list[int]] = {}
    models: dict[int, Hashable] = {}  # many vaults may share one module; it is looked at once
    for place, job in enumerate(jobs):
        if id(job.model) not in models:
            models[id(job.model)] = structure(job.model)
        found.setdefault((models[id(job.model)], _work(job)), []).append(place)
    return list(found.values())


def kind(job: Job) -> Hashable:
    """Equal for jobs that may share a step, but for the learning rate, which steps are not compiled for."""
    return structure(job.model), _work(replace(job, lr=0.0))


def structure(model: nn.Module) -> Hashable:
    """All of a model but its weights: modules, their plain attributes and their buffers."""
    modules = tuple((name, type(module), _attributes(module)) for name, module in model.named_modules())
    return modules, tuple((name, _bytes(value)) for name, value in model.named_buffers())


def _work(job: Job) -> Hashable:
    weights = tuple((name, value.shape, value.dtype) for name, value in job.start.items())
    records: Hashable = None
    if job.train is not None:
        inputs = tuple((name, values.shape[1:], str(values.dtype)) for name, values in job.train.inputs.items())
        records = inputs, job.train.target.shape[1:]
    # `finish` is called for each job by itself, so it may differ
    client = _called(job.client.penalty), _called(job.client.correction)
    return weights, records, _called(job.loss), client, astuple(job.settings), job.lr


def _attributes(module: nn.Module) -> Hashable:
    return tuple((name, _value(value)) for name, value in sorted(vars(module).items()) if not name.startswith("_"))


def _value(value: Any) -> Hashable:
    if isinstance(value, PLAIN):
        return type(value), value
    if isinstance(value, list | tuple):
        return type(value), tuple(map(_value, value))
    return _called(value)


def _called(function: Callable[..., Any] | None) -> Hashable:
    """Equal for the same function with the same settings; two partials of it are never equal by themselves."""
    if isinstance(function, partial):
        words = tuple((name, _value(value)) for name, value in sorted(function.keywords.items()))
        return _called(function.func), tuple(map(_value, function.args)), words
    return id(function)


def _bytes(value: Tensor) -> Hashable:
    return value.shape, value.dtype, value.detach().cpu().numpy().tobytes()
