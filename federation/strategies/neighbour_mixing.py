"""Nearest-neighbour mixing (NNM): every update becomes the mean of itself and its nearest others, then a trimmed mean.

Of n countries, f of them hostile, the n - f nearest are mixed. It makes updates of countries that differ much look more
similar, so that what the trimmed mean cuts off is not what makes a country different.
Source: Allouah et al. (2023), https://arxiv.org/abs/2302.01772
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.settings.plan import Plan
from federation.strategies.fedavg import client, server
from federation.strategies.robust import Array, moved, rows, squared_distances, trimmed_mean
from federation.strategies.strategy import Part, Strategy
from federation.strategies.trimmed_mean import TrimmedMeanSettings


@dataclass  # not frozen: Hydra merges it
class NeighbourMixingSettings(TrimmedMeanSettings):
    """As of the trimmed mean."""

    name: str = "neighbour_mixing"


def mixed(changes: Array, hostile: int) -> Array:
    """Every row (n, D) as the mean of the n - f rows nearest to it, itself among them."""
    nearest = np.argsort(squared_distances(changes), axis=1, kind="stable")[:, : len(changes) - hostile]
    return np.stack([changes[places].mean(axis=0) for places in nearest])


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:  # noqa: ARG001
    """The trimmed mean of the mixed updates in place of all."""
    assert isinstance(plan.strategy, NeighbourMixingSettings), "its own settings"
    hostile = plan.strategy.hostile(len(parts))
    return moved(parts, trimmed_mean(mixed(rows(parts), hostile), hostile))


NEIGHBOUR_MIXING = Strategy(
    name="neighbour_mixing", settings=NeighbourMixingSettings, client=client, server=server, adjust=adjust
)
