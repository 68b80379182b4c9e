"""A small perceptron that forecasts quantiles or a probability: a linear part, and what hidden layers add to it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import e, log, sqrt
from statistics import NormalDist

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, softplus

from tasks.models.dropout import dropout


class Perceptron(nn.Module):
    """(N, F) `features` -> (N, H, K); (N, H) `offset` is added to it, (N,) `floor` bounds it below, where given.

    With levels, K = len(levels) quantiles in ascending order: a middle one, and steps of softplus away from it, so that
    they cannot cross. Without, K = 1 logit. At the start every weight of the outputs is zero: the forecast is the
    offset (or 0) with the spread of a standard normal.
    Works under torch.func.vmap; parameters are its whole state.
    """

    def __init__(
        self,
        *,
        features: int,
        horizons: int,
        levels: Sequence[float],
        hidden: Sequence[int],
        dropout: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.horizons, self.levels, self.share = horizons, tuple(levels), dropout
        self.gaps = normal_gaps(levels)
        generator = torch.Generator().manual_seed(seed)
        outputs = horizons * max(len(self.levels), 1)
        widths = [features, *hidden]
        self.layers = nn.ModuleList(Linear(wide, narrow, generator) for wide, narrow in pairwise(widths))
        self.head = Linear(widths[-1], outputs)
        self.skip = Linear(features, outputs)

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:
        """seed: scalar int64, or an int, of the dropout masks while training, None otherwise."""
        features = inputs["features"]
        hidden = features
        for number, layer in enumerate(self.layers):
            hidden = dropout(gelu(layer(hidden)), self.share, seed, number)
        shape = (features.shape[0], self.horizons, max(len(self.levels), 1))
        return finished((self.head(hidden) + self.skip(features)).reshape(shape), inputs, self.gaps)


def finished(raw: Tensor, inputs: Mapping[str, Tensor], gaps: Sequence[float]) -> Tensor:
    """(N, H, K) free numbers -> the forecast: on top of the `offset`, ascending, never below the `floor`.

    gaps: K - 1 distances, see `ascending`; none for a logit.
    """
    if "offset" in inputs:
        raw = torch.cat([raw[..., :1] + inputs["offset"][..., None], raw[..., 1:]], dim=-1)
    output = ascending(raw, gaps) if gaps else raw
    return torch.maximum(output, inputs["floor"][:, None, None]) if "floor" in inputs else output


def ascending(raw: Tensor, gaps: Sequence[float]) -> Tensor:
    """(..., K) free numbers -> (..., K) quantiles that never cross; raw[..., 0] is the middle one.

    A raw step of 0 gives the gap between the two levels, as `normal_gaps` has it.
    """
    middle = (len(gaps) + 1) // 2
    usual = torch.tensor(gaps, dtype=raw.dtype, device=raw.device)
    steps = usual * softplus(raw[..., 1:] + log(e - 1))  # softplus(log(e - 1)) = 1
    centre = raw[..., :1]
    below = centre - steps[..., :middle].flip(-1).cumsum(-1).flip(-1)
    return torch.cat([below, centre, centre + steps[..., middle:].cumsum(-1)], dim=-1)


def normal_gaps(levels: Sequence[float]) -> tuple[float, ...]:
    """Distances of K levels in a standard normal, K - 1 of them."""
    normal = [NormalDist().inv_cdf(level) for level in levels]
    return tuple(high - low for low, high in pairwise(normal))


class Linear(nn.Module):
    """nn.Linear with weights from a generator of its own (zero without one): torch's would draw from the global one."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        weight = torch.zeros(outputs, inputs)
        if generator is not None:  # He et al. (2015), https://arxiv.org/abs/1502.01852, uniform with gain 1
            weight.uniform_(-sqrt(3 / inputs), sqrt(3 / inputs), generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, values: Tensor) -> Tensor:
        return nn.functional.linear(values, self.weight, self.bias)
