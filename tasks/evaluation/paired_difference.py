"""The difference of two forecasts of the same place-periods, with an interval from the blocks of time that both share.

Two forecasts of the same months err together. Their difference is far better known than either, and two intervals that
overlap say little of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from tasks.evaluation.score import Array, Evaluated, Score, Sums
from tasks.evaluation.totals import FEWEST_BLOCKS, in_blocks

NAMES = ("count", "value", "low", "high")


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """By block of time: sums of the difference's points, of what they are divided by, and how many there are.

    labels: (B,), the same in every country. above, below, count: (B, H + 1), a column a horizon, then all of them.
    """

    labels: Array
    above: Array
    below: Array
    count: Array

    def where(self, columns: Array) -> "Blocks":
        """With nothing in the other columns, nor in that of all horizons unless it is among them: (H + 1,) bool."""
        return Blocks(
            labels=self.labels, above=self.above * columns, below=self.below * columns, count=self.count * columns
        )


def blocks(score: Score, mine: Evaluated, other: Evaluated) -> Blocks:
    """Of the first forecast's score less the second's, over the place-periods for which both are known."""
    assert score.terms is not None, "a score whose differences are requested has terms"
    (above, below), (less, _) = score.terms(mine), score.terms(other)
    known = np.isfinite(above - less)
    points = (np.where(known, above - less, 0.0), np.where(known, below, 0.0), known)
    labels, sums = in_blocks(mine, *points)
    return Blocks(labels=labels, above=sums[0], below=sums[1], count=sums[2])


def merge_blocks(parts: Iterable[Blocks]) -> Blocks:
    """The blocks of several countries: what happened in the same block stays in one."""
    collected = list(parts)
    labels, index = np.unique(np.concatenate([part.labels for part in collected]), return_inverse=True)

    def added(name: str) -> Array:
        rows = np.concatenate([getattr(part, name) for part in collected])
        sums = np.zeros((len(labels), rows.shape[1]))
        np.add.at(sums, index, rows)
        return sums

    return Blocks(labels=labels, above=added("above"), below=added("below"), count=added("count"))


def paired_interval(blocks: Blocks, fewest: int = FEWEST_BLOCKS) -> Sums:
    """Difference, ends of its 95 % interval and place-periods, (H + 1,) each; all are 0 with
    fewer blocks than `fewest`. Two are enough where they themselves are no secret.

    The spread is what drawing blocks with replacement, the same ones for both forecasts, converges to, times
    B / (B - 1); Student's quantile stands for the normal one, since a test may have five blocks.
    Source: Kunsch (1989), https://doi.org/10.1214/aos/1176347265; few blocks: Ibragimov and Mueller (2010),
    https://doi.org/10.1198/jbes.2009.08046
    """
    number = (blocks.count > 0).sum(axis=0)
    below = blocks.below.sum(axis=0)
    known = (number >= fewest) & (below > 0)
    value = blocks.above.sum(axis=0) / np.where(known, below, 1.0)
    squares = np.square(blocks.above - value * blocks.below).sum(axis=0) * number / np.maximum(number - 1, 1)
    spread = stdtrit(np.maximum(number - 1, 1), 0.975) * np.sqrt(squares) / np.where(known, below, 1.0)
    rows = {"count": blocks.count.sum(axis=0), "value": value, "low": value - spread, "high": value + spread}
    return {name: np.where(known, each, 0.0) for name, each in rows.items()}
