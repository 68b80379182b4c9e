"""Geometric median: the point whose summed distance to all updates is the smallest.

Found by the smoothed Weiszfeld algorithm. Source: Pillutla et al. (2022), RFA, https://arxiv.org/abs/1912.13445
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies.fedavg import client, server
from federation.strategies.robust import TINY, Array, lengths, moved, rows
from federation.strategies.strategy import Part, Strategy

MOST, CLOSE = 200, 1e-8  # steps at most; a step that is shorter than this share of the point's norm is the last
SMOOTH = 1e-6  # of the median length of the updates: smaller distances count as this


@dataclass  # not frozen: Hydra merges it
class GeometricMedianSettings(StrategySettings):
    """Nothing beyond what every strategy has; examples are a country's own claim, so all count the same by default."""

    name: str = "geometric_median"
    weights: str = "equal"


def geometric_median(changes: Array, weights: Array) -> Array:
    """(D,) of rows (n, D) with weights (n,)."""
    least = max(SMOOTH * float(np.median(lengths(changes))), TINY)
    point = np.average(changes, axis=0, weights=weights)
    for _ in range(MOST):
        pull = weights / np.maximum(lengths(changes - point), least)
        before, point = point, np.average(changes, axis=0, weights=pull)
        if np.linalg.norm(point - before) <= CLOSE * np.linalg.norm(point):
            break
    return point


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:  # noqa: ARG001
    """The geometric median in place of all."""
    return moved(parts, geometric_median(rows(parts), np.array([part.weight for part in parts])))


GEOMETRIC_MEDIAN = Strategy(
    name="geometric_median", settings=GeometricMedianSettings, client=client, server=server, adjust=adjust
)
