"""FedBN's idea for models without batch normalisation: every country keeps the shifts (biases) of its layers.

Source: https://arxiv.org/abs/2102.07623, which keeps scale and shift of batch normalisation. Records are scaled inside
every country before they meet a model here, so the shifts are what is left to differ.
"""

from dataclasses import dataclass, field

from federation.settings.schema import StrategySettings
from federation.strategies.fedavg import client, server
from federation.strategies.strategy import Strategy, keeps_some


@dataclass  # not frozen: Hydra merges it
class FedBnSettings(StrategySettings):
    """Which weights are shifts."""

    name: str = "fedbn"
    private: list[str] = field(default_factory=lambda: ["*.bias"])


FEDBN = Strategy(name="fedbn", settings=FedBnSettings, client=client, server=server, linear=True, fits=keeps_some)
