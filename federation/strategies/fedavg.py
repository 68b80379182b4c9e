"""FedAvg: the weighted mean of what the countries learnt. Source: https://arxiv.org/abs/1602.05629"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from federation.settings.schema import StrategySettings
from federation.strategies.strategy import ROUNDS_DECIDE, Strategy
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


FEDAVG = Strategy(name="fedavg", settings=FedAvgSettings, client=client, server=server, linear=True)
