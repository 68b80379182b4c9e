"""FedNova: a country that takes more steps does not count more for it. Source: https://arxiv.org/abs/2007.07481

Every change is divided by how much its country's steps add up to, and the mean of these directions is walked as far as
the countries go on average (equations 8 to 10 of the paper, its server step being the mean number of steps).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from federation.errors import ConfigError
from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies.fedavg import client, server
from federation.strategies.strategy import Part, Strategy


@dataclass  # not frozen: Hydra merges it
class FedNovaSettings(StrategySettings):
    """Nothing beyond what every strategy has."""

    name: str = "fednova"


def accumulated(steps: int, momentum: float) -> float:
    """How many gradients the steps come to: with momentum, the L1 norm of the vector a of section 4.1."""
    return (steps - momentum * (1 - momentum**steps) / (1 - momentum)) / (1 - momentum)


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:  # noqa: ARG001
    """Changes as if every country had taken the mean number of steps."""
    lengths = [accumulated(part.steps, plan.training.momentum) for part in parts]
    weights = [part.weight for part in parts]
    mean = sum(weight * length for weight, length in zip(weights, lengths, strict=True)) / sum(weights)
    return [
        replace(part, change={name: value * value.dtype.type(mean / length) for name, value in part.change.items()})
        for part, length in zip(parts, lengths, strict=True)
    ]


def fits(plan: Plan) -> None:
    """Raise ConfigError unless every step is a sum of gradients, as the normalisation takes it to be."""
    if plan.training.optimizer != "sgd":
        raise ConfigError("strategy=fednova needs steps that add up gradients: set training=sgd")


FEDNOVA = Strategy(
    name="fednova", settings=FedNovaSettings, client=client, server=server, adjust=adjust, fits=fits, reads_claims=True
)
