"""A transformer over what is known at an origin: a token for each group of features, and one for each horizon.

For nodes with a graphics card and long records. Attention is matmul and softmax and the norm is written out, because
torch's fused ones fall back to a slow loop under vmap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from tasks.errors import SettingError
from tasks.models.dropout import dropout
from tasks.models.mlp import Linear, finished, normal_gaps
from tasks.models.model import CommonSettings, Model, Shape

WIDER = 4  # hidden width of a block, in widths of a token


@dataclass  # not frozen: Hydra merges it
class AttentionSettings:
    """Of task.model=attention."""

    width: int = 64  # numbers a token
    heads: int = 4  # that look at the tokens side by side; they divide the width
    blocks: int = 2  # one after another

    def check(self) -> None:
        """Raise SettingError for a value out of range."""
        for key, low, high in (("width", 1, 1024), ("heads", 1, 64), ("blocks", 1, 16)):
            value = getattr(self, key)
            if not low <= value <= high:
                raise SettingError(f"task.attention.{key} is {value}; choose {low} to {high}")
        if self.width % self.heads:
            raise SettingError(
                f"task.attention.heads={self.heads} does not divide task.attention.width={self.width}; choose others"
            )


class Attention(nn.Module):
    """(N, F) `features` -> (N, H, K); `offset`, `floor`, levels and the forecast at the start as in Perceptron.

    tokens: columns of `features` that belong together; every group becomes a vector of `width` numbers with a learned
    position. Each horizon is a token of its own that looks at the others. A linear part is added, as in Perceptron.
    Works under torch.func.vmap; parameters are its whole state.
    Source: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; tokens of features as in Gorishniy et al. (2021),
    https://arxiv.org/abs/2106.11959
    """

    def __init__(
        self,
        *,
        tokens: Sequence[Sequence[int]],
        horizons: int,
        levels: Sequence[float],
        width: int,
        heads: int,
        blocks: int,
        dropout: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.horizons, self.levels, self.share = horizons, tuple(levels), dropout
        self.gaps = normal_gaps(levels)
        features, longest = 1 + max(chain(*tokens)), max(map(len, tokens))
        self.columns = tuple((*token, *[features] * (longest - len(token))) for token in tokens)  # features: a zero
        generator = torch.Generator().manual_seed(seed)
        outputs = max(len(self.levels), 1)
        self.embed = nn.Parameter(torch.empty(len(tokens), longest, width))
        for weight, token in zip(self.embed.data, tokens, strict=True):
            weight.uniform_(-sqrt(3 / len(token)), sqrt(3 / len(token)), generator=generator)
        self.place = nn.Parameter(torch.empty(len(tokens) + horizons, width).uniform_(-1, 1, generator=generator))
        self.blocks = nn.ModuleList(_Block(width, heads, generator) for _ in range(blocks))
        self.head = Linear(width, outputs)
        self.skip = Linear(features, horizons * outputs)

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:
        """seed: scalar int64, or an int, of the dropout masks while training, None otherwise."""
        features = inputs["features"]
        known = pad(features, (0, 1))[:, torch.tensor(self.columns, device=features.device)]  # (N, tokens, longest)
        embedded = (known.transpose(0, 1) @ self.embed).transpose(0, 1)
        hidden = pad(embedded, (0, 0, 0, self.horizons)) + self.place
        for number, block in enumerate(self.blocks):
            hidden = block(hidden, self.share, seed, number)
        horizons = dropout(_normed(hidden[:, -self.horizons :]), self.share, seed, len(self.blocks))
        linear = self.skip(features).reshape(features.shape[0], self.horizons, max(len(self.levels), 1))
        return finished(self.head(horizons) + linear, inputs, self.gaps)


class _Block(nn.Module):
    """(N, T, D) -> (N, T, D): every token looks at all, then each is worked on by itself."""

    def __init__(self, width: int, heads: int, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.look = Linear(width, 3 * width, generator)
        self.mix = Linear(width, width, generator)
        self.up = Linear(width, WIDER * width, generator)
        self.down = Linear(WIDER * width, width, generator)

    def forward(self, hidden: Tensor, share: float, seed: Tensor | int | None, number: int) -> Tensor:
        hidden = hidden + self.mix(self._attended(_normed(hidden)))
        worked: Tensor = self.down(dropout(gelu(self.up(_normed(hidden))), share, seed, number))
        return hidden + worked

    def _attended(self, hidden: Tensor) -> Tensor:
        looked: Tensor = self.look(hidden)
        split = (3, self.heads, hidden.shape[-1] // self.heads)
        parts = looked.reshape(*hidden.shape[:2], *split).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind()  # (N, heads, T, D / heads) each
        weights = torch.softmax(query @ key.transpose(-1, -2) / sqrt(query.shape[-1]), dim=-1)
        return (weights @ value).transpose(1, 2).reshape(hidden.shape)


def _normed(hidden: Tensor) -> Tensor:
    """Every token at root mean square 1; the layer after it has weights enough to scale.

    Source: Zhang and Sennrich (2019), https://arxiv.org/abs/1910.07467
    """
    return hidden * torch.rsqrt(hidden.square().mean(dim=-1, keepdim=True) + 1e-6)


def _build(common: CommonSettings, own: AttentionSettings, shape: Shape, seed: int) -> nn.Module:
    return Attention(
        tokens=shape.tokens,
        horizons=shape.horizons,
        levels=shape.levels,
        width=own.width,
        heads=own.heads,
        blocks=own.blocks,
        dropout=common.dropout,
        seed=seed,
    )


ATTENTION = Model(name="attention", settings=AttentionSettings, build=_build)
