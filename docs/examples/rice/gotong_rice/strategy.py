"""A mean of updates without the countries that moved the model most and least.

Whole updates are left out, where `trimmed_mean` leaves out single values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from federation.settings.checks import within
from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies.fedavg import client, server
from federation.strategies.robust import lengths, rows
from federation.strategies.strategy import Part, Strategy


@dataclass  # not frozen: Hydra merges it
class WithoutExtremesSettings(StrategySettings):
    """`share` of the countries are left out at either end."""

    name: str = "without_extremes"
    share: float = 0.25

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        super().check()
        within("strategy.share", self.share, 0, 0.49)


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:
    """The parts in the middle, by the length of their change."""
    cut = int(plan.strategy.share * len(parts))
    order = sorted(range(len(parts)), key=lengths(rows(parts)).tolist().__getitem__)
    return [parts[at] for at in sorted(order[cut : len(parts) - cut])]


WITHOUT_EXTREMES = Strategy(
    name="without_extremes", settings=WithoutExtremesSettings, client=client, server=server, adjust=adjust
)
