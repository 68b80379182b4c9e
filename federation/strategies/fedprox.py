"""FedProx: FedAvg whose clients stay near the model they started from. Source: https://arxiv.org/abs/1812.06127"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from federation.settings.checks import within
from federation.settings.parts import StrategySettings
from federation.strategies.fedavg import server, step
from federation.strategies.strategy import Strategy
from federation.training.jobs import ClientHalf, Tensors


@dataclass  # not frozen: Hydra merges it
class FedProxSettings(StrategySettings):
    """How strongly a country is held."""

    name: str = "fedprox"
    mu: float = 0.01  # pull towards the global model; 0 is FedAvg

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        super().check()
        within("strategy.mu", self.mu, 0, 1e6)


def penalty(params: Tensors, start: Tensors, *, mu: float) -> Tensor:
    """mu/2 * ||w - start||^2, added to the task's loss at every step."""
    return mu / 2 * torch.stack([(w - start[name]).square().sum() for name, w in params.items()]).sum()


def client(settings: FedProxSettings) -> ClientHalf:
    """Training with the penalty."""
    return ClientHalf(penalty=partial(penalty, mu=settings.mu))


FEDPROX = Strategy(name="fedprox", settings=FedProxSettings, client=client, server=server, step=step, linear=True)
