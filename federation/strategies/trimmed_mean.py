"""Coordinate-wise trimmed mean: of every weight's changes, the smallest and the largest do not count.

Source: Yin et al. (2018), https://arxiv.org/abs/1803.01498
"""

from collections.abc import Sequence
from dataclasses import dataclass

from federation.settings.plan import Plan
from federation.strategies.fedavg import client, server
from federation.strategies.median import need_equal
from federation.strategies.robust import RobustSettings, moved, rows, trimmed_mean
from federation.strategies.strategy import Part, Strategy


@dataclass  # not frozen: Hydra merges it
class TrimmedMeanSettings(RobustSettings):
    """`hostile_share` is what is cut at either end; every country counts once."""

    name: str = "trimmed_mean"

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        super().check()
        need_equal(self)


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:  # noqa: ARG001
    """The trimmed mean in place of all."""
    assert isinstance(plan.strategy, TrimmedMeanSettings), "its own settings"
    return moved(parts, trimmed_mean(rows(parts), plan.strategy.hostile(len(parts))))


TRIMMED_MEAN = Strategy(name="trimmed_mean", settings=TrimmedMeanSettings, client=client, server=server, adjust=adjust)
