"""What the rules share that withstand a few hostile countries: their settings, and updates as rows of a matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.settings.checks import within
from federation.settings.parts import StrategySettings
from federation.strategies.strategy import Part

Array = NDArray[Any]
TINY = 1e-12  # instead of a length of zero


@dataclass  # not frozen: Hydra merges it
class RobustSettings(StrategySettings):
    """How many countries a rule withstands. Examples are a country's own claim, so all count the same by default."""

    weights: str = "equal"
    hostile_share: float = 0.25  # of a round's countries may be hostile, rounded down; the larger, the dearer

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        super().check()
        within("strategy.hostile_share", self.hostile_share, 0, 0.49)

    def hostile(self, countries: int) -> int:
        """How many of so many countries may be hostile."""
        return int(self.hostile_share * countries)


def rows(parts: Sequence[Part]) -> Array:
    """(n, D) float64: the change of every part, its arrays in alphabetical order."""
    matrix: Array = np.stack(
        [
            np.concatenate([part.change[name].ravel() for name in sorted(part.change)], dtype=np.float64)
            for part in parts
        ]
    )
    return matrix


def moved(parts: Sequence[Part], change: Array) -> list[Part]:
    """One part, by whose change (D,) the model moves instead of by those of all parts."""
    first, arrays, start = parts[0], {}, 0
    for name in sorted(first.change):
        value = first.change[name]
        arrays[name] = change[start : start + value.size].reshape(value.shape).astype(value.dtype)
        start += value.size
    total = sum(part.weight for part in parts)
    examples, steps = (sum(getattr(part, key) for part in parts) for key in ("examples", "steps"))
    return [Part(weight=total, change=arrays, examples=examples, steps=steps)]


def mean(changes: Array, parts: Sequence[Part]) -> Array:
    """(D,) mean of the rows, weighted as the parts are."""
    return np.asarray(np.average(changes, axis=0, weights=[part.weight for part in parts]))


def lengths(changes: Array) -> Array:
    """(n,) Euclidean norms of the rows."""
    return np.asarray(np.linalg.norm(changes, axis=1))


def shortened(changes: Array, longest: float) -> Array:
    """The rows, those longer than `longest` as long as that."""
    return np.asarray(changes * np.minimum(1, longest / np.maximum(lengths(changes), TINY))[:, None])


def squared_distances(changes: Array) -> Array:
    """(n, n) between every two rows."""
    products = changes @ changes.T
    squares = np.diag(products)
    return np.asarray(np.maximum(squares[:, None] + squares - 2 * products, 0))


def trimmed_mean(values: Array, cut: int) -> Array:
    """Mean over the first axis without the `cut` smallest and the `cut` largest values of every column."""
    return np.asarray(np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0))
