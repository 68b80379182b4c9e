"""FedPer: a shared body, and a head that every country keeps for itself. Source: https://arxiv.org/abs/1912.00818"""

from dataclasses import dataclass, field

from federation.settings.parts import StrategySettings
from federation.strategies.fedavg import client, server, step
from federation.strategies.strategy import Strategy, check_private_weights


@dataclass  # not frozen: Hydra merges it
class FedPerSettings(StrategySettings):
    """Which weights are the head."""

    name: str = "fedper"
    private: list[str] = field(default_factory=lambda: ["*head.*"])


FEDPER = Strategy(
    name="fedper",
    settings=FedPerSettings,
    client=client,
    server=server,
    step=step,
    linear=True,
    fits=check_private_weights,
)
