"""Which scores a sealed round sums, in one order that every country and the coordinator work out from the plan alone.

What a country does not have, such as a model of its own, or a row that too few countries fill, is 0 there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.settings.plan import ADAPTED, CHAMPION, ISSUED, Plan, is_noised
from tasks.evaluation import histograms
from tasks.evaluation.score import FinalScore, HistogramScore, Sums
from tasks.registry import TASKS

ScoreName = tuple[str, str, str]  # part, arm, score


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One array of sums. shape: (rows,) or (rows, bins); a row a horizon, then all of them."""

    score: ScoreName
    sums: str
    shape: tuple[int, ...]


def cells(plan: Plan, kind: str) -> list[Cell]:
    """Of a round of this kind (train, validate, test)."""
    task = TASKS[plan.task.name]
    rows = len(task.horizons(plan.task)) + 1
    if is_noised(plan):  # one noised number, as the sums of a mean over places in the row of all horizons
        headline, mean = next(iter(task.scores.items()))
        name = ("test", "federated", headline)
        return [Cell(score=name, sums=sums, shape=(rows,)) for sums in mean.names if kind == "test"]
    models = [arm for arm in plan.arms if arm not in (*ADAPTED, ISSUED) and arm != "personalised"]
    arms = {"validation": models}
    if kind == "test":
        after = ("test", "excluded_period") if plan.task.calendar.excluded_period else ("test",)
        champion = [CHAMPION] if plan.champion_part else []
        arms |= {part: [*plan.arms, *task.baselines, *champion] for part in after}
    return [
        Cell(score=(part, arm, name), sums=sums, shape=(rows, histograms.BINS) if _binned(score, sums) else (rows,))
        for part, of_part in arms.items()
        for arm in of_part
        for name, score in task.scores.items()
        if part != "validation" or not isinstance(score, FinalScore)
        for sums in score.names
    ]


def count(layout: Sequence[Cell]) -> int:
    """Numbers of a layout."""
    return sum(prod(cell.shape) for cell in layout)


def flat(
    scores: Mapping[ScoreName, Sums], layout: Sequence[Cell], filled: Mapping[str, Sequence[bool]]
) -> NDArray[Any]:
    """One vector of them. filled: part -> which of its rows enough countries fill; the others are 0."""
    parts = [np.zeros(0)]
    for cell in layout:
        value = scores[cell.score][cell.sums] if cell.score in scores else np.zeros(cell.shape)
        kept = np.asarray(filled[cell.score[0]], bool)
        parts.append(np.where(kept, np.asarray(value, np.float64).T, 0.0).T.reshape(-1))
    return np.concatenate(parts)


def unflat(vector: NDArray[Any], layout: Sequence[Cell]) -> dict[ScoreName, dict[str, NDArray[Any]]]:
    """score -> its sums over countries."""
    scores: dict[ScoreName, dict[str, NDArray[Any]]] = {}
    at = 0
    for cell in layout:
        size = prod(cell.shape)
        scores.setdefault(cell.score, {})[cell.sums] = vector[at : at + size].reshape(cell.shape)
        at += size
    return scores


def enough(filled: Iterable[Mapping[str, Sequence[bool]]], fewest: int) -> dict[str, list[bool]]:
    """part -> whether at least `fewest` countries fill a row. filled: of every country."""
    every = list(filled)
    return {
        part: [sum(map(bool, row)) >= fewest for row in zip(*(own[part] for own in every), strict=True)]
        for part in every[0]
    }


def _binned(score: Any, sums: str) -> bool:
    return isinstance(score, HistogramScore) and sums in histograms.BINNED
