"""A gated recurrent unit, stepped by hand over groups of features: nn.GRU cannot train many clients at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from tasks.errors import SettingError
from tasks.models.dropout import dropout
from tasks.models.mlp import Linear, finished, normal_gaps
from tasks.models.model import CommonSettings, Model, Shape


@dataclass  # not frozen: Hydra merges it
class GruSettings:
    """Of task.model=gru."""

    width: int = 16  # numbers that it remembers

    def check(self) -> None:
        """Raise SettingError for a value out of range."""
        if not 1 <= self.width <= 256:
            raise SettingError(f"task.gru.width is {self.width}; choose 1 to 256")


class Gru(nn.Module):
    """(N, F) `features` -> (N, H, K). Source: Cho et al. (2014), https://arxiv.org/abs/1406.1078"""

    def __init__(self, own: GruSettings, shape: Shape, share: float, seed: int) -> None:
        super().__init__()
        self.width, self.shape, self.share, self.gaps = own.width, shape, share, normal_gaps(shape.levels)
        self.outputs = max(len(shape.levels), 1)
        longest = max(map(len, shape.tokens))
        self.columns = [[*token, *[shape.features] * (longest - len(token))] for token in shape.tokens]
        generator = torch.Generator().manual_seed(seed)
        self.gates = Linear(longest + own.width, 2 * own.width, generator)
        self.new = Linear(longest + own.width, own.width, generator)
        self.head = Linear(own.width, shape.horizons * self.outputs)

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:
        """seed: of the dropout masks while training, None otherwise."""
        features = pad(inputs["features"], (0, 1))
        memory = torch.zeros_like(features[:, :1]).expand(-1, self.width)
        for columns in self.columns:
            seen = features[:, columns]
            keep, reset = torch.sigmoid(self.gates(torch.cat([seen, memory], dim=1))).chunk(2, dim=1)
            fresh = torch.tanh(self.new(torch.cat([seen, reset * memory], dim=1)))
            memory = keep * memory + (1 - keep) * fresh
        raw = self.head(dropout(memory, self.share, seed, 0))
        return finished(raw.reshape(len(raw), self.shape.horizons, self.outputs), inputs, self.gaps)


def _build(common: CommonSettings, own: GruSettings, shape: Shape, seed: int) -> nn.Module:
    return Gru(own, shape, common.dropout, seed)


GRU = Model(name="gru", settings=GruSettings, build=_build)
