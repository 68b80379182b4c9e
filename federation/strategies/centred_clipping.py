"""Centred clipping: a mean of updates of which none may pull the centre further than the others do.

Starting from the coordinate median, the centre moves three times by the mean of the differences of all updates from it,
each no longer than their median length. The paper starts from the server's momentum, which is of the round before; of
few countries and rounds, a centre of the present round needs no memory and is as good.
Source: Karimireddy, He and Jaggi (2021), https://arxiv.org/abs/2012.10333
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.settings.parts import StrategySettings
from federation.settings.plan import Plan
from federation.strategies.fedavg import client, server
from federation.strategies.robust import Array, lengths, mean, moved, rows, shortened
from federation.strategies.strategy import Part, Strategy

TIMES = 3


@dataclass  # not frozen: Hydra merges it
class CentredClippingSettings(StrategySettings):
    """Nothing beyond what every strategy has; examples are a country's own claim, so all count the same by default."""

    name: str = "centred_clipping"
    weights: str = "equal"


def centre(parts: Sequence[Part]) -> Array:
    """(D,) where the centre ends."""
    changes = rows(parts)
    point = np.median(changes, axis=0)
    for _ in range(TIMES):
        away = changes - point
        point = point + mean(shortened(away, float(np.median(lengths(away)))), parts)
    return np.asarray(point)


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> list[Part]:  # noqa: ARG001
    """The centre in place of all."""
    return moved(parts, centre(parts))


CENTRED_CLIPPING = Strategy(
    name="centred_clipping", settings=CentredClippingSettings, client=client, server=server, adjust=adjust
)
