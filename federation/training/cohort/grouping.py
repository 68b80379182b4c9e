"""Which jobs may share one step: the same structure, loss, strategy half and settings."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import astuple, replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from federation.training.jobs import Job, Tensors
from tasks.models.weights import constants

PLAIN = (bool, int, float, str, type(None))


def groups(jobs: Sequence[Job]) -> list[list[int]]:
    """Places of jobs that can be trained together, in the order in which each group first appears."""
    found: dict[Hashable, list[int]] = {}
    seen = _Seen()  # many vaults may share a module, settings and weights; each is looked at once
    for place, job in enumerate(jobs):
        found.setdefault((seen.by(structure, job.model), _work(job, seen)), []).append(place)
    return list(found.values())


def kind(job: Job) -> Hashable:
    """Equal for jobs that may share a step, but for the learning rate, which steps are not compiled for."""
    return structure(job.model), _work(replace(job, lr=0.0), _Seen())


def structure(model: nn.Module) -> Hashable:
    """All of a model but its trained weights: modules, their plain attributes, frozen parameters and buffers."""
    modules = tuple((name, type(module), _attributes(module)) for name, module in model.named_modules())
    return modules, tuple((name, _bytes(value)) for name, value in constants(model).items())


class _Seen:
    """What functions said of objects that outlive this."""

    def __init__(self) -> None:
        self._said: dict[tuple[int, int], Hashable] = {}

    def by(self, function: Callable[[Any], Hashable], thing: object) -> Hashable:
        """function(thing), found once."""
        key = id(function), id(thing)
        if key not in self._said:
            self._said[key] = function(thing)
        return self._said[key]


def _work(job: Job, seen: _Seen) -> Hashable:
    records: Hashable = None
    if job.train is not None:
        inputs, target = job.train.batch(slice(0, 0))
        records = tuple((name, values.shape[1:], values.dtype) for name, values in inputs.items()), target.shape[1:]
    # `finish` is called for each job by itself, so it may differ
    client = _called(job.client.penalty), _called(job.client.correction)
    return seen.by(_weights, job.start), records, _called(job.loss), client, seen.by(astuple, job.settings), job.lr


def _weights(weights: Tensors) -> Hashable:
    return tuple((name, value.shape, value.dtype) for name, value in weights.items())


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
