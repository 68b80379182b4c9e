"""Synthetic clients for the tests of the trainers: small models, ragged records, and a federation in a few lines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from federation.settings.parts import TrainingSettings
from federation.strategies.strategy import Strategy
from federation.training.jobs import ClientHalf, Job, Result, Tensors, seed_of
from tasks.data import DenseWindows
from tasks.models.dropout import dropout
from tasks.models.mlp import Perceptron
from tasks.models.weights import trainable

Train = Callable[[Sequence[Job]], list[Result]]
FEATURES, HORIZONS = 5, 2
SAME = {torch.float32: 1e-5, torch.float64: 1e-9}  # largest difference of two engines after ten rounds

SGD = TrainingSettings(optimizer="sgd", lr=0.05, clip_gradient=None, batch_size=8, epochs=1)
OPTIMIZERS = {
    "sgd": SGD,
    "momentum": replace(SGD, momentum=0.7, clip_gradient=0.5),
    "adamw": TrainingSettings(lr=0.005, clip_gradient=1.0, batch_size=8, epochs=2),
}
# Adam divides a gradient by its own size: where little more than rounding is left of it, engines that add in another
# order take other steps. In float64 its epsilon is far larger than that.
CASES = [
    *[(name, torch.float64) for name in OPTIMIZERS],
    *[(name, torch.float32) for name in OPTIMIZERS if name != "adamw"],
]
# Softmax ignores a key's bias: its true gradient is zero, so that Adam walks at random. No forecast depends on it.
IGNORED = ("key.bias", "look.bias")
RAGGED = (9, 1, 24, 16, 5, 40)  # rows of six clients


class Attention(nn.Module):
    """Attention over the features as tokens."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embed, self.query, self.key = nn.Linear(1, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4 * FEATURES, HORIZONS)

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:
        """(N, F) -> (N, H, 1)."""
        tokens = dropout(self.embed(inputs["features"][..., None]), 0.1, seed, 0)
        weights = (self.query(tokens) @ self.key(tokens).transpose(-1, -2)).softmax(-1)
        output: Tensor = self.head((weights @ tokens).flatten(1))[..., None]
        return output


class Recurrent(nn.Module):
    """nn.GRU, which vmap cannot run."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.gru, self.head = nn.GRU(1, 3, batch_first=True), nn.Linear(3, HORIZONS)

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | int | None = None) -> Tensor:  # noqa: ARG002
        """(N, F) -> (N, H, 1)."""
        output: Tensor = self.head(self.gru(inputs["features"][..., None])[0][:, -1])[..., None]
        return output


def perceptron(seed: int) -> nn.Module:
    """What the tasks use."""
    return Perceptron(
        features=FEATURES, horizons=HORIZONS, levels=(0.1, 0.5, 0.9), hidden=[7, 6], dropout=0.2, seed=seed
    )


def squared(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over reported targets; zero when none is."""
    reported = ~target.isnan()
    error = (output - torch.where(reported, target, 0.0)[..., None]).square().mean(-1)
    return torch.where(reported, error, 0.0).sum() / reported.sum().clamp(min=1)


def windows(country: str, examples: int, seed: int) -> DenseWindows:
    """Records of a synthetic client; the last feature is always zero, so its weights have no gradient."""
    draw = np.random.default_rng([seed, seed_of(country), examples])
    features = draw.normal(size=(examples, FEATURES)).astype(np.float32)
    features[:, -1] = 0
    target = (features[:, :1] * [1.0, -0.5] + draw.normal(size=(examples, HORIZONS))).astype(np.float32)
    target[draw.random(target.shape) < 0.2] = np.nan
    return DenseWindows(
        country=country,
        places=("one",),
        inputs={"features": features},
        target=target,
        observed=target.astype(np.float64),
        restore={},
        place=np.zeros(examples, np.int64),
        origin=np.full(examples, np.datetime64("2000-01")),
        due=np.full((examples, HORIZONS), np.datetime64("2000-02")),
        part=np.full(examples, "train"),
    )


@dataclass(frozen=True, kw_only=True)
class Client:
    """One country: its records, and its own model if it also trains alone."""

    country: str
    train: DenseWindows
    score: DenseWindows


def clients_of(sizes: Sequence[int], seed: int = 1) -> list[Client]:
    """One client a size."""
    names = [f"C{number:03}" for number in range(len(sizes))]
    return [
        Client(country=name, train=windows(name, size, seed), score=windows(name, size // 2 + 1, seed + 1))
        for name, size in zip(names, sizes, strict=True)
    ]


@dataclass(kw_only=True)
class Federation:
    """A federation without vaults or frames: rounds of a strategy's client half and plain averaging."""

    clients: Sequence[Client]
    build: Callable[[int], nn.Module]
    strategy: Strategy
    settings: TrainingSettings
    loss: Callable[[Tensor, Tensor], Tensor] = squared
    arms: Sequence[str] = ("federated", "local")
    dtype: torch.dtype = torch.float32  # of the weights, and so of all arithmetic
    held: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weights = trainable(self.build(1).to(self.dtype))
        arrays = {name: value.numpy() for name, value in weights.items()}
        shared = {name: torch.from_numpy(value) for name, value in self.strategy.shared(arrays).items()}
        countries = [client.country for client in self.clients]
        self.held = {
            "model": weights,
            "shared": shared,
            "memory": {country: self.strategy.memory(weights) for country in countries},
            "local": dict.fromkeys(countries, weights),
        }

    def jobs(self, round_: int) -> list[Job]:
        """All jobs of a round, countries and arms mixed as a simulation mixes them."""
        return [self._job(client, arm, round_) for client in self.clients for arm in self.arms]

    def round(self, train: Train, round_: int) -> list[Result]:
        """One round; the state moves on."""
        results = train(self.jobs(round_))
        done = [result for result in results if result.params is not None]
        local = {result.job.country: result.params for result in done if result.job.arm == "local"}
        federated = [result for result in done if result.job.arm == "federated"]
        if federated:
            self.held["model"] = mean([result.params or {} for result in federated])
            if self.strategy.merge is not None:
                released = [_numpy(result.finished.released) for result in federated]
                merged = self.strategy.merge(_numpy(self.held["shared"]), released, len(self.clients))
                self.held["shared"] = {name: torch.from_numpy(value) for name, value in merged.items()}
        self.held["memory"] |= {result.job.country: result.finished.memory for result in federated}
        self.held["local"] |= local
        return results

    def _job(self, client: Client, arm: str, round_: int) -> Job:
        federated = arm == "federated"
        strategy_settings = self.strategy.settings()
        return Job(
            country=client.country,
            arm=arm,
            model=self.build(1).to(self.dtype),
            loss=self.loss,
            start=dict(self.held["model"] if federated else self.held["local"][client.country]),
            train=client.train,
            score=client.score,
            settings=self.settings,
            client=self.strategy.client(strategy_settings) if federated else ClientHalf(),
            shared=self.held["shared"] if federated else {},
            memory=self.held["memory"][client.country] if federated else {},
            lr=self.settings.lr,
            seed=seed_of(1, client.country, round_, arm),
        )


def mean(several: Sequence[Tensors]) -> dict[str, Tensor]:
    """Unweighted mean of weights."""
    return {name: torch.stack([one[name] for one in several]).mean(0) for name in several[0]}


def largest_difference(one: Sequence[Result], other: Sequence[Result]) -> float:
    """Over weights, forecasts, losses, released arrays and memory of results in the same order.

    Trained by Adam, weights that no forecast depends on do not count.
    """
    assert [(r.job.country, r.job.arm, r.steps) for r in one] == [(r.job.country, r.job.arm, r.steps) for r in other]
    gaps = [0.0]
    for a, b in zip(one, other, strict=True):
        pairs = [(a.params or {}, b.params or {})]
        pairs += [(a.finished.released, b.finished.released), (a.finished.memory, b.finished.memory)]
        for mine, theirs in pairs:
            assert mine.keys() == theirs.keys()
            names = [name for name in mine if a.job.settings.optimizer != "adamw" or not name.endswith(IGNORED)]
            gaps += [float((mine[name] - theirs[name]).abs().max()) for name in names if mine[name].numel()]
        assert (a.output is None) == (b.output is None)
        if a.output is not None and b.output is not None:
            assert a.output.shape == b.output.shape
            gaps.append(float(np.abs(a.output - b.output).max(initial=0.0)))
        assert np.isnan(a.loss) == np.isnan(b.loss)
        gaps.append(0.0 if np.isnan(a.loss) else abs(a.loss - b.loss))
    return max(gaps)


def _numpy(tensors: Tensors) -> dict[str, Any]:
    return {name: value.numpy() for name, value in tensors.items()}
