"""Krum and multi-Krum: the mean of the updates that lie closest to their nearest others.

Of n countries, f of them hostile, an update's score is the sum of its squared distances to its n - f - 2 nearest.
The n - f with the smallest scores are averaged; `selected=1` is Krum, which takes the one with the smallest.
Source: Blanchard et al. (2017), https://arxiv.org/abs/1703.02757
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.settings.checks import within
from federation.settings.plan import Plan
from federation.strategies.fedavg import client, server
from federation.strategies.robust import Array, RobustSettings, mean, moved, rows, squared_distances
from federation.strategies.strategy import Part, Strategy


@dataclass  # not frozen: Hydra merges it
class KrumSettings(RobustSettings):
    """How many updates are averaged."""

    name: str = "krum"
    selected: int | None = None  # 1 is Krum; none: all but as many as may be hostile

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        super().check()
        if self.selected is not None:
            within("strategy.selected", self.selected, 1, 100_000)


def chosen(parts: Sequence[Part], plan: Plan) -> list[int]:
    """Places of the parts that count, the smallest score first."""
    assert isinstance(plan.strategy, KrumSettings), "its own settings"
    hostile = plan.strategy.hostile(len(parts))
    selected = plan.strategy.selected or len(parts) - hostile
    return [int(place) for place in np.argsort(scores(rows(parts), hostile), kind="stable")[:selected]]


def scores(changes: Array, hostile: int) -> Array:
    """(n,) sum of the squared distances of every row to its n - f - 2 nearest others."""
    nearest = max(1, len(changes) - hostile - 2)
    distances = np.sort(squared_distances(changes), axis=1)  # the first of a row is its distance to itself
    return np.asarray(distances[:, 1 : nearest + 1].sum(axis=1))


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:  # noqa: ARG001
    """The mean of the chosen in place of all."""
    places = chosen(parts, plan)
    return moved(parts, mean(rows(parts)[places], [parts[place] for place in places]))


def remarks(parts: Sequence[Part], plan: Plan) -> list[str]:
    """Who was not chosen."""
    places = set(chosen(parts, plan))
    return ["" if place in places else "its update is left out: far from the others" for place in range(len(parts))]


KRUM = Strategy(name="krum", settings=KrumSettings, client=client, server=server, adjust=adjust, remarks=remarks)
