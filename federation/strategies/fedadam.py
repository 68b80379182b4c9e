"""FedAdam: the mean change of a round as a gradient for Adam at the server. Source: https://arxiv.org/abs/2003.00295"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from federation.settings.checks import within
from federation.settings.parts import StrategySettings
from federation.strategies.fedavg import client
from federation.strategies.strategy import ROUNDS_DECIDE, Strategy, Vector

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


def step(
    settings: AdaptiveSettings, round_: int, change: Vector, memory: Mapping[str, Vector]
) -> tuple[Vector, dict[str, Vector]]:
    """Flower's FedAdam in double precision."""
    first, second = moments(settings, change, memory)
    second = settings.beta_2 * second + (1 - settings.beta_2) * (change * change)
    rate = settings.eta * np.sqrt(1 - power(settings.beta_2, round_ + 1)) / (1 - power(settings.beta_1, round_ + 1))
    return rate * first / (np.sqrt(second) + settings.tau), {"first": first, "second": second}


def moments(settings: AdaptiveSettings, change: Vector, memory: Mapping[str, Vector]) -> tuple[Vector, Vector]:
    """The first moment with this change, and the second as it was; both begin at 0."""
    before = memory or {"first": np.zeros_like(change), "second": np.zeros_like(change)}
    return settings.beta_1 * before["first"] + (1 - settings.beta_1) * change, before["second"]


def power(base: float, times: int) -> float:
    """By multiplication, whose bits are the same on every machine."""
    product = 1.0
    for _ in range(times):
        product *= base
    return product


FEDADAM = Strategy(name="fedadam", settings=AdaptiveSettings, client=client, server=server, step=step, linear=True)
