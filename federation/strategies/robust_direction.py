"""Robust direction: where the model moves, and how far, are decided by separate rules. The default of eight or more.

Of n countries, f = a quarter of n may be hostile:

1. Updates are cut to their median length. Their coordinate median is the centre.
2. An update whose cosine to the centre is not above half the median cosine is left out, unless that were most of them.
3. The rest, cut to 1.5 times the median length, are averaged: the direction.
4. The length is the (f + 1)-th largest of their projections on it: f hostile countries cannot make the step longer than
   an honest country's own. A mean or a median of projections would be shorter, as honest countries differ, and most of
   what other robust rules cost without an attacker is such a step.

Fewer than four countries cannot outvote anybody: then it is the weighted mean. The step follows the longer updates, so
it shrinks with the learning rate and not where the wishes of countries cancel out; keep a schedule that falls.
Parts: the centre is of Yin et al. (2018), https://arxiv.org/abs/1803.01498; cosines to a trusted direction of FLTrust,
Cao et al. (2021), https://arxiv.org/abs/2012.13995, here without a trusted server's data. What it costs and withstands:
docs/robustness.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.settings.plan import Plan
from federation.strategies.fedavg import client, server
from federation.strategies.robust import TINY, Array, RobustSettings, lengths, mean, moved, rows, shortened
from federation.strategies.strategy import Part, Strategy

AGREEING = 0.5  # of the median cosine to the centre; at or below, an update is left out
LONGEST = 1.5  # times the median length; longer updates are cut to it


@dataclass  # not frozen: Hydra merges it
class RobustDirectionSettings(RobustSettings):
    """As every robust rule's."""

    name: str = "robust_direction"


def agreeing(changes: Array) -> Array:
    """(n,) which updates point where the others do; all of them where fewer than half would."""
    cut = shortened(changes, float(np.median(lengths(changes))))
    centre = np.median(cut, axis=0)
    cosines = cut @ centre / np.maximum(lengths(cut) * np.linalg.norm(centre), TINY)
    agree = cosines > max(0.0, AGREEING * float(np.median(cosines)))
    return agree if 2 * agree.sum() >= len(agree) else np.ones(len(agree), bool)


def step(parts: Sequence[Part], hostile: int) -> Array:
    """(D,) the change that the model takes; `hostile` is above 0."""
    changes = rows(parts)
    agree = agreeing(changes)
    kept = shortened(changes, LONGEST * float(np.median(lengths(changes))))[agree]
    direction = mean(kept, [part for part, agrees in zip(parts, agree, strict=True) if agrees])
    direction /= max(float(np.linalg.norm(direction)), TINY)
    longest_first = np.sort(kept @ direction)[::-1]
    return direction * max(0.0, float(longest_first[min(hostile, len(longest_first) - 1)]))


def adjust(parts: Sequence[Part], plan: Plan, round_: int) -> Sequence[Part]:  # noqa: ARG001
    """The step in place of all."""
    assert isinstance(plan.strategy, RobustDirectionSettings), "its own settings"
    hostile = plan.strategy.hostile(len(parts))
    return moved(parts, step(parts, hostile)) if hostile else parts


def remarks(parts: Sequence[Part], plan: Plan) -> list[str]:
    """Whose update was left out, and whose was cut."""
    assert isinstance(plan.strategy, RobustDirectionSettings), "its own settings"
    if not plan.strategy.hostile(len(parts)):
        return [""] * len(parts)
    changes = rows(parts)
    long = lengths(changes) > LONGEST * float(np.median(lengths(changes)))
    return [
        "its update is left out: it points away from the others" if not agrees else CUT if cut else ""
        for agrees, cut in zip(agreeing(changes), long, strict=True)
    ]


CUT = f"its update is cut to {LONGEST:g} times the median length"
ROBUST_DIRECTION = Strategy(
    name="robust_direction",
    settings=RobustDirectionSettings,
    client=client,
    server=server,
    adjust=adjust,
    remarks=remarks,
)
