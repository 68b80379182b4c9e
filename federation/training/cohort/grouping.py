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
    places_of: dict[Hashable, list[int]] = {}
    memo = _Memo()  # many vaults may share a module, settings and weights; each is looked at once
    for place, job in enumerate(jobs):
        places_of.setdefault((memo.call(structure, job.model), _job_key(job, memo)), []).append(place)
    return list(places_of.values())


def group_key(job: Job) -> Hashable:
    """Equal for jobs that may share a step, but for the learning rate, which steps are not compiled for."""
    return structure(job.model), _job_key(replace(job, lr=0.0), _Memo())


def structure(model: nn.Module) -> Hashable:
    """All of a model but its trained weights: modules, their plain attributes, frozen parameters and buffers."""
    modules = tuple((name, type(module), _attributes_key(module)) for name, module in model.named_modules())
    return modules, tuple((name, _tensor_key(value)) for name, value in constants(model).items())


class _Memo:
    """Results of functions of objects that outlive it."""

    def __init__(self) -> None:
        self._results: dict[tuple[int, int], Hashable] = {}

    def call(self, function: Callable[[Any], Hashable], thing: object) -> Hashable:
        """function(thing), called once."""
        key = id(function), id(thing)
        if key not in self._results:
            self._results[key] = function(thing)
        return self._results[key]


def _job_key(job: Job, memo: _Memo) -> Hashable:
    records: Hashable = None
    if job.train is not None:
        inputs, target = job.train.batch(slice(0, 0))
        records = tuple((name, values.shape[1:], values.dtype) for name, values in inputs.items()), target.shape[1:]
    # `finish` is called for each job by itself, so it may differ
    client = _function_key(job.client.penalty), _function_key(job.client.correction)
    return (
        memo.call(_weights_key, job.start),
        records,
        _function_key(job.loss),
        client,
        memo.call(astuple, job.settings),
        job.lr,
    )


def _weights_key(weights: Tensors) -> Hashable:
    return tuple((name, value.shape, value.dtype) for name, value in weights.items())


def _attributes_key(module: nn.Module) -> Hashable:
    return tuple((name, _value_key(value)) for name, value in sorted(vars(module).items()) if not name.startswith("_"))


def _value_key(value: Any) -> Hashable:
    if isinstance(value, PLAIN):
        return type(value), value
    if isinstance(value, list | tuple):
        return type(value), tuple(map(_value_key, value))
    return _function_key(value)


def _function_key(function: Callable[..., Any] | None) -> Hashable:
    """Equal for the same function with the same settings; two partials of it are never equal by themselves."""
    if isinstance(function, partial):
        words = tuple((name, _value_key(value)) for name, value in sorted(function.keywords.items()))
        return _function_key(function.func), tuple(map(_value_key, function.args)), words
    return id(function)


def _tensor_key(value: Tensor) -> Hashable:
    return value.shape, value.dtype, value.detach().cpu().numpy().tobytes()
