"""FedYogi: FedAdam whose second moment grows slowly where updates are rare. Source: https://arxiv.org/abs/2003.00295"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from federation.strategies.fedadam import AdaptiveSettings
from federation.strategies.fedavg import client
from federation.strategies.strategy import ROUNDS_DECIDE, Strategy

if TYPE_CHECKING:
    from flwr.serverapp.strategy import Strategy as FlowerStrategy


@dataclass  # not frozen: Hydra merges it
class FedYogiSettings(AdaptiveSettings):
    """As FedAdam's."""

    name: str = "fedyogi"


def server(settings: FedYogiSettings) -> "FlowerStrategy":
    """Flower's FedYogi."""
    from flwr.serverapp.strategy import FedYogi

    return FedYogi(**ROUNDS_DECIDE, eta=settings.eta, beta_1=settings.beta_1, beta_2=settings.beta_2, tau=settings.tau)


FEDYOGI = Strategy(name="fedyogi", settings=FedYogiSettings, client=client, server=server, linear=True)
