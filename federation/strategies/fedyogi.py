"""FedYogi: FedAdam whose second moment grows slowly where updates are rare. Source: https://arxiv.org/abs/2003.00295"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from federation.strategies.fedadam import AdaptiveSettings, moments
from federation.strategies.fedavg import client
from federation.strategies.strategy import ROUNDS_DECIDE, Strategy, Vector

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


def step(
    settings: FedYogiSettings,
    round_: int,  # noqa: ARG001
    change: Vector,
    memory: Mapping[str, Vector],
) -> tuple[Vector, dict[str, Vector]]:
    """Flower's FedYogi in double precision."""
    first, second = moments(settings, change, memory)
    square = change * change
    second = second - (1 - settings.beta_2) * square * np.sign(second - square)
    return settings.eta * first / (np.sqrt(second) + settings.tau), {"first": first, "second": second}


FEDYOGI = Strategy(name="fedyogi", settings=FedYogiSettings, client=client, server=server, step=step, linear=True)
