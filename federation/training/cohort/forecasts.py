"""Forecasts of many jobs: all rows in one forward where weights are the same, stacked weights where they differ."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.utils.rnn import pad_sequence

from federation.training import sequential
from federation.training.cohort.chunks import SMALL_CHUNK
from federation.training.cohort.device_cache import DeviceCache
from federation.training.cohort.stacked import FlatLinear, stack
from federation.training.jobs import Array, Job, Tensors
from tasks.models.weights import constants

ROWS = 8192  # of one forward
FULL = 256  # rows that fill a core by themselves: clients with more are forecast one after another


def forecasts(
    jobs: Sequence[Job], places: Sequence[int], weights: Mapping[int, Tensors], cache: DeviceCache, chunk: int
) -> dict[int, Array]:
    """place -> (N, H, K) outputs; jobs of one structure that have windows, each with the weights of its place."""
    outputs: dict[int, Array] = {}
    different: list[int] = []
    for arm in dict.fromkeys(jobs[place].arm for place in places):
        own = [place for place in places if jobs[place].arm == arm]
        same = [place for place in own if _same_weights(weights[place], weights[own[0]])]
        if len(same) > 1:
            outputs |= _with_same_weights(jobs, same, weights[own[0]], cache)
        different += [place for place in own if place not in outputs]
    small = sorted((place for place in different if 0 < _rows(jobs[place]) <= FULL), key=lambda p: (-_rows(jobs[p]), p))
    if len(small) > SMALL_CHUNK:
        for low in range(0, len(small), chunk):
            outputs |= _with_stacked_weights(jobs, small[low : low + chunk], weights, cache)
    return outputs | {
        place: forecast_one(jobs[place], weights[place], cache) for place in different if place not in outputs
    }


def forecast_one(job: Job, weights: Tensors, cache: DeviceCache) -> Array:
    """One job's forecast."""
    assert job.score is not None, "only jobs with windows are forecast"
    return sequential.forecast(job, _params(job, weights, cache.device), job.score, cache.device)


@torch.no_grad()
def _with_same_weights(
    jobs: Sequence[Job], places: Sequence[int], weights: Tensors, cache: DeviceCache
) -> dict[int, Array]:
    """Forecasts of jobs with the same weights: their rows are concatenated."""
    sizes = [_rows(jobs[place]) for place in places]
    if not any(sizes):
        return {place: forecast_one(jobs[place], weights, cache) for place in places}
    scored = [windows for place in places if (windows := jobs[place].score) is not None]
    read = cache.concatenated_reader(scored, sequential.dtype_of(weights))
    model, params = jobs[places[0]].model, _params(jobs[places[0]], weights, cache.device)
    parts = [
        functional_call(model, params, (read(slice(i, i + ROWS)), None)).double().cpu()
        for i in range(0, sum(sizes), ROWS)
    ]
    outputs = torch.cat(parts).numpy()
    return dict(zip(places, np.split(outputs, np.cumsum(sizes)[:-1]), strict=True))


@torch.no_grad()
def _with_stacked_weights(
    jobs: Sequence[Job], places: Sequence[int], weights: Mapping[int, Tensors], cache: DeviceCache
) -> dict[int, Array]:
    """Forecasts of clients with weights of their own, each padded to the rows of the longest."""
    job = jobs[places[0]]
    windows = [scored for place in places if (scored := jobs[place].score) is not None]
    pick = cache.batch_reader(windows, sequential.dtype_of(weights[places[0]]))
    params = stack([weights[place] for place in places], cache.device)
    fixed = constants(job.model, cache.device)
    rows = pad_sequence([torch.arange(len(own)) for own in windows], batch_first=True)  # its first row fills each up

    def forward(own: dict[str, Tensor], seen: dict[str, Tensor]) -> Tensor:
        output: Tensor = functional_call(job.model, {**own, **fixed}, (seen, None))
        return output

    with FlatLinear():
        outputs: Tensor = vmap(forward)(params, pick(rows)[0])
    values = outputs.double().cpu().numpy()
    return {place: values[client, : len(own)] for client, (place, own) in enumerate(zip(places, windows, strict=True))}


def _same_weights(one: Tensors, other: Tensors) -> bool:
    return one is other or all(value is other[name] or torch.equal(value, other[name]) for name, value in one.items())


def _params(job: Job, weights: Tensors, device: torch.device) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in weights.items()} | constants(job.model, device)


def _rows(job: Job) -> int:
    return 0 if job.score is None else len(job.score)
