"""FedAvg: the weighted mean of what the countries learnt. Source: https://arxiv.org/abs/1602.05629"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from federation.settings.parts import StrategySettings
from federation.strategies.strategy import ROUNDS_DECIDE, Strategy, Vector
from federation.training.jobs import ClientHalf

if TYPE_CHECKING:
    from flwr.serverapp.strategy import Strategy as FlowerStrategy


@dataclass  # not frozen: Hydra merges it
class FedAvgSettings(StrategySettings):
    """Nothing beyond what every strategy has."""

    name: str = "fedavg"


def client(settings: FedAvgSettings) -> ClientHalf:  # noqa: ARG001
    """Plain local training."""
    return ClientHalf()


def server(settings: StrategySettings) -> "FlowerStrategy":  # noqa: ARG001
    """Flower's FedAvg."""
    from flwr.serverapp.strategy import FedAvg

    return FedAvg(**ROUNDS_DECIDE)


def step(
    settings: StrategySettings,  # noqa: ARG001
    round_: int,  # noqa: ARG001
    change: Vector,
    memory: Mapping[str, Vector],  # noqa: ARG001
) -> tuple[Vector, dict[str, Vector]]:
    """All of the mean change."""
    return change, {}


FEDAVG = Strategy(name="fedavg", settings=FedAvgSettings, client=client, server=server, step=step, linear=True)
