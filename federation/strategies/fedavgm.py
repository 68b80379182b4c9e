"""FedAvgM: FedAvg with momentum at the server. Source: https://arxiv.org/abs/1909.06335"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from federation.settings.checks import within
from federation.settings.schema import StrategySettings
from federation.strategies.fedavg import client
from federation.strategies.strategy import ROUNDS_DECIDE, Strategy

if TYPE_CHECKING:
    from flwr.serverapp.strategy import Strategy as FlowerStrategy


@dataclass  # not frozen: Hydra merges it
class FedAvgMSettings(StrategySettings):
    """The server's step, as in stochastic gradient descent with momentum."""

    name: str = "fedavgm"
    server_lr: float = 1.0
    server_momentum: float = 0.5

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        super().check()
        within("strategy.server_lr", self.server_lr, 0, 10, above=True)
        within("strategy.server_momentum", self.server_momentum, 0, 0.999)


def server(settings: FedAvgMSettings) -> "FlowerStrategy":
    """Flower's FedAvgM."""
    from flwr.serverapp.strategy import FedAvgM

    return FedAvgM(**ROUNDS_DECIDE, server_learning_rate=settings.server_lr, server_momentum=settings.server_momentum)


FEDAVGM = Strategy(name="fedavgm", settings=FedAvgMSettings, client=client, server=server, linear=True)
