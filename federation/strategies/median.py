"""Coordinate median: every weight moves by the median of what the countries would move it by.

It holds while fewer than half of the countries are hostile, and costs some skill without any, for weights move less.
Source: Yin et al. (2018), https://arxiv.org/abs/1803.01498
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.errors import ConfigError
from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies.fedavg import client, server
from federation.strategies.robust import moved, rows
from federation.strategies.strategy import Part, Strategy


@dataclass  # not frozen: Hydra merges it
class MedianSettings(StrategySettings):
    """Nothing beyond what every strategy has; every country counts once."""

    name: str = "median"
    weights: str = "equal"

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        super().check()
        need_equal(self)


def need_equal(settings: StrategySettings) -> None:
    """Raise ConfigError for weights that a rule would not look at."""
    if settings.weights != "equal":
        raise ConfigError(
            f"strategy={settings.name} counts every country once; set strategy.weights=equal instead of "
            f"{settings.weights}, or take another strategy"
        )


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:  # noqa: ARG001
    """The coordinate median in place of all."""
    return moved(parts, np.median(rows(parts), axis=0))


MEDIAN = Strategy(name="median", settings=MedianSettings, client=client, server=server, adjust=adjust)
