"""The work that every engine is given: records, a model, orders of rows. Needs numpy and torch alone."""

from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import gelu

LAGS, SERIES, OUTPUTS = 24, 8, 84  # two years of eight monthly series; four horizons of 21 quantiles
MIXERS = {"87k": (32, 160), "42k-mixer": (16, 128)}  # channels and hidden width
PERCEPTRONS = {"42k": (108, 108)}  # hidden widths, as in the tasks of this project


@dataclass(frozen=True, kw_only=True)
class Work:
    """K clients with the same number of rows each, plain SGD, one epoch a round, every client weighs the same."""

    clients: int = 100
    model: str = "87k"
    examples: int = 64
    batch: int = 16
    rounds: int = 10
    lr: float = 0.05

    def records(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(K, N, T, F) inputs and (K, N, O) targets, drawn anew from the same seed everywhere."""
        draw = np.random.default_rng(7)
        inputs = draw.standard_normal((self.clients, self.examples, LAGS, SERIES), dtype=np.float32)
        noise = draw.standard_normal((self.clients, self.examples, OUTPUTS), dtype=np.float32)
        return inputs, 0.5 * inputs[..., -1, :1] + 0.1 * noise

    def build(self) -> nn.Module:
        """The model with its first weights."""
        return Mixer(*MIXERS[self.model]) if self.model in MIXERS else Perceptron(*PERCEPTRONS[self.model])


class Mixer(nn.Module):
    """Two blocks that mix over time and over channels. Source: TSMixer, https://arxiv.org/abs/2303.06053, without norms
    (which depend on the batch)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            self.embed = nn.Linear(SERIES, channels)
            self.time = nn.ModuleList(nn.Linear(LAGS, LAGS) for _ in range(2))
            self.up = nn.ModuleList(nn.Linear(channels, hidden) for _ in range(2))
            self.down = nn.ModuleList(nn.Linear(hidden, channels) for _ in range(2))
            self.head = nn.Linear(LAGS * channels, OUTPUTS)
            nn.init.normal_(self.head.weight, std=0.1 / sqrt(LAGS * channels))

    def forward(self, values: Tensor) -> Tensor:
        """(N, T, F) -> (N, O)."""
        mixed = self.embed(values)
        for time, up, down in zip(self.time, self.up, self.down, strict=True):
            mixed = mixed + gelu(time(mixed.transpose(-1, -2))).transpose(-1, -2)
            mixed = mixed + down(gelu(up(mixed)))
        output: Tensor = self.head(mixed.flatten(-2))
        return output


class Perceptron(nn.Module):
    """Two hidden layers, as the tasks use."""

    def __init__(self, *hidden: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            widths = (LAGS * SERIES, *hidden)
            self.layers = nn.ModuleList(nn.Linear(wide, narrow) for wide, narrow in pairwise(widths))
            self.head = nn.Linear(widths[-1], OUTPUTS)

    def forward(self, values: Tensor) -> Tensor:
        """(N, T, F) -> (N, O)."""
        hidden = values.flatten(-2)
        for layer in self.layers:
            hidden = gelu(layer(hidden))
        output: Tensor = self.head(hidden)
        return output


def mean_squared(output: Tensor, target: Tensor) -> Tensor:
    """What all engines minimise."""
    return (output - target).square().mean()


def name_of(client: int) -> str:
    """Names sort as numbers do."""
    return f"C{client:05}"


def seed_of(client: int, round_: int) -> int:
    """Of one client's order of rows in one round; the same rule as a country's."""
    text = "\x1f".join((name_of(client), str(round_))).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") >> 1


def order(work: Work, client: int, round_: int) -> Tensor:
    """The rows of one client in the order of one round, counted from 1."""
    return torch.randperm(work.examples, generator=torch.Generator().manual_seed(seed_of(client, round_)))
