"""FedAdam: the mean change of a round as a gradient for Adam at the server. Source: https://arxiv.org/abs/2003.00295"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from federation.settings.checks import within
from federation.settings.schema import StrategySettings
from federation.strategies.fedavg import client
from federation.strategies.strategy import ROUNDS_DECIDE, Strategy

if TYPE_CHECKING:
    from flwr.serverapp.strategy import Strategy as FlowerStrategy


@dataclass  # not frozen: Hydra merges it
class AdaptiveSettings(StrategySettings):
    """The server's optimiser, in the paper's names."""

    name: str = "fedadam"
    eta: float = 3e-3  # server step
    beta_1: float = 0.9
    beta_2: float = 0.99
    tau: float = 1e-3  # adaptivity: larger is nearer to plain averaging

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        super().check()
        within("strategy.eta", self.eta, 0, 10, above=True)
        within("strategy.beta_1", self.beta_1, 0, 0.9999)
        within("strategy.beta_2", self.beta_2, 0, 0.9999)
        within("strategy.tau", self.tau, 0, 10, above=True)


def server(settings: AdaptiveSettings) -> "FlowerStrategy":
    """Flower's FedAdam."""
    from flwr.serverapp.strategy import FedAdam

    return FedAdam(**ROUNDS_DECIDE, eta=settings.eta, beta_1=settings.beta_1, beta_2=settings.beta_2, tau=settings.tau)


FEDADAM = Strategy(name="fedadam", settings=AdaptiveSettings, client=client, server=server, linear=True)
