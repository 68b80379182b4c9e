"""q-FedAvg: countries on which the model does badly count more. Source: https://arxiv.org/abs/1905.10497, algorithm 2

The loss F is the task's own, of the model that arrived, over all training records and before the first step, without
dropout: the paper weighs by F at the model from which all start, and the mean loss of a training, in whose course the
weights move, depends on how many steps a country takes. It is the country's own claim: one that overstates its loss
counts for more, up to LARGEST times the median of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from federation.errors import ConfigError
from federation.settings.checks import within
from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies.fedavg import server
from federation.strategies.strategy import Part, Strategy
from federation.training.jobs import ClientHalf, rate_of

LEAST = 1e-10  # a loss of zero would have no power below zero
LARGEST = 100.0  # times the median loss of a round; what a country claims beyond that is not believed


@dataclass  # not frozen: Hydra merges it
class QFedAvgSettings(StrategySettings):
    """How even the losses of the countries should be."""

    name: str = "qfedavg"
    q: float = 0.1  # 0 is FedAvg; the larger, the more the worst served count

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        super().check()
        within("strategy.q", self.q, 0, 100)


def client(settings: QFedAvgSettings) -> ClientHalf:  # noqa: ARG001
    """Plain local training, and the loss of the model that arrived."""
    return ClientHalf(start_loss=True)


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:
    """Changes whose weighted mean is the paper's step: -sum(p F^q L (w - w_k)) / sum(p h_k).

    h = q F^(q-1) ||L (w - w_k)||^2 + L F^q, and L = 1 / learning rate of the round.
    """
    assert isinstance(plan.strategy, QFedAvgSettings), "its own settings"
    q, steepness = plan.strategy.q, 1 / rate_of(plan.training, round_, plan.rounds)
    claimed = [max(part.start_loss or 0.0, LEAST) for part in parts]
    losses = [min(loss, LARGEST * float(np.median(claimed))) for loss in claimed]
    bounds = [
        q * loss ** (q - 1) * steepness**2 * _square(part) + steepness * loss**q
        for part, loss in zip(parts, losses, strict=True)
    ]
    mean = sum(part.weight * bound for part, bound in zip(parts, bounds, strict=True)) / sum(p.weight for p in parts)
    factors = [steepness * loss**q / mean for loss in losses]
    return [
        replace(part, change={name: value * value.dtype.type(factor) for name, value in part.change.items()})
        for part, factor in zip(parts, factors, strict=True)
    ]


def _square(part: Part) -> float:
    return sum(float(np.square(value, dtype=np.float64).sum()) for value in part.change.values())


def fits(plan: Plan) -> None:
    """Raise ConfigError unless a step is the learning rate times a gradient, from which L is taken."""
    if plan.training.optimizer != "sgd" or plan.training.momentum:
        raise ConfigError(
            "strategy=qfedavg needs plain gradient steps: set training=sgd, "
            "or training.optimizer=sgd training.momentum=0"
        )


QFEDAVG = Strategy(
    name="qfedavg", settings=QFedAvgSettings, client=client, server=server, adjust=adjust, fits=fits, reads_claims=True
)
