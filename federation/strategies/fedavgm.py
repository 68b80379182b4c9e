"""FedAvgM: FedAvg with momentum at the server. Source: https://arxiv.org/abs/1909.06335"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from federation.settings.checks import within
from federation.settings.parts import StrategySettings
from federation.strategies.fedavg import client
from federation.strategies.strategy import ROUNDS_DECIDE, Strategy, Vector

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


def step(
    settings: FedAvgMSettings,
    round_: int,  # noqa: ARG001
    change: Vector,
    memory: Mapping[str, Vector],
) -> tuple[Vector, dict[str, Vector]]:
    """Heavy-ball momentum on the mean change."""
    momentum = settings.server_momentum * memory["momentum"] + change if memory else change
    return settings.server_lr * momentum, {"momentum": momentum}


FEDAVGM = Strategy(name="fedavgm", settings=FedAvgMSettings, client=client, server=server, step=step, linear=True)
