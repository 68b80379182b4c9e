"""Forecasts of many jobs: all rows in one forward where weights are the same, stacked weights where they differ."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.utils.rnn import pad_sequence

from federation.training import sequential
from federation.training.chunks import FEW
from federation.training.jobs import Array, Job, Tensors
from federation.training.stacked import FlatLinear, stack
from federation.training.store import Store

ROWS = 8192  # of one forward
FULL = 256  # rows that fill a core by themselves: clients with more are forecast one after another


def forecasts(
    jobs: Sequence[Job], places: Sequence[int], weights: Mapping[int, Tensors], store: Store, chunk: int
) -> dict[int, Array]:
    """place -> (N, H, K) outputs; jobs of one structure that have windows, each with the weights of its place."""
    found: dict[int, Array] = {}
    apart: list[int] = []
    for arm in dict.fromkeys(jobs[place].arm for place in places):
        own = [place for place in places if jobs[place].arm == arm]
        same = [place for place in own if _same(weights[place], weights[own[0]])]
        if len(same) > 1:
            found |= _together(jobs, same, weights[own[0]], store)
        apart += [place for place in own if place not in found]
    small = sorted((place for place in apart if 0 < _rows(jobs[place]) <= FULL), key=lambda p: (-_rows(jobs[p]), p))
    if len(small) > FEW:
        for low in range(0, len(small), chunk):
            found |= _stacked(jobs, small[low : low + chunk], weights, store)
    return found | {place: alone(jobs[place], weights[place], store) for place in apart if place not in found}


def alone(job: Job, weights: Tensors, store: Store) -> Array:
    """One job's forecast by itself."""
    assert job.score is not None, "only jobs with windows are forecast"
    return sequential.forecast(job, _params(job, weights, store.device), job.score, store.device)


@torch.no_grad()
def _together(jobs: Sequence[Job], places: Sequence[int], weights: Tensors, store: Store) -> dict[int, Array]:
    """The same weights for all: their rows end to end."""
    sizes = [_rows(jobs[place]) for place in places]
    if not any(sizes):
        return {place: alone(jobs[place], weights, store) for place in places}
    dtype = sequential.dtype_of(weights)
    scored = [store.tensors(windows, dtype)[0] for place in places if (windows := jobs[place].score) is not None]
    inputs = {name: torch.cat([own[name] for own in scored]) for name in scored[0]}
    model, params = jobs[places[0]].model, _params(jobs[places[0]], weights, store.device)
    parts = [
        functional_call(model, params, ({k: v[i : i + ROWS] for k, v in inputs.items()}, None)).double().cpu()
        for i in range(0, sum(sizes), ROWS)
    ]
    outputs = torch.cat(parts).numpy()
    return dict(zip(places, np.split(outputs, np.cumsum(sizes)[:-1]), strict=True))


@torch.no_grad()
def _stacked(
    jobs: Sequence[Job], places: Sequence[int], weights: Mapping[int, Tensors], store: Store
) -> dict[int, Array]:
    """Weights of each client's own, all with the rows of the longest."""
    job = jobs[places[0]]
    windows = [scored for place in places if (scored := jobs[place].score) is not None]
    inputs, _, offsets = store.joined(windows, sequential.dtype_of(weights[places[0]]))
    params = stack([weights[place] for place in places], store.device)
    buffers = {name: value.to(store.device) for name, value in job.model.named_buffers()}
    rows = [torch.arange(len(own)) + offset for own, offset in zip(windows, offsets, strict=True)]
    picked = pad_sequence(rows, batch_first=True, padding_value=offsets[0]).to(store.device)

    def forward(own: dict[str, Tensor], seen: dict[str, Tensor]) -> Tensor:
        output: Tensor = functional_call(job.model, {**own, **buffers}, (seen, None))
        return output

    with FlatLinear():
        outputs: Tensor = vmap(forward)(params, {name: values[picked] for name, values in inputs.items()})
    values = outputs.double().cpu().numpy()
    return {place: values[client, : len(own)] for client, (place, own) in enumerate(zip(places, windows, strict=True))}


def _same(one: Tensors, other: Tensors) -> bool:
    return one is other or all(value is other[name] or torch.equal(value, other[name]) for name, value in one.items())


def _params(job: Job, weights: Tensors, device: torch.device) -> dict[str, Tensor]:
    buffers = {name: value.to(device) for name, value in job.model.named_buffers()}
    return {name: value.to(device) for name, value in weights.items()} | buffers


def _rows(job: Job) -> int:
    return 0 if job.score is None else len(job.score)
