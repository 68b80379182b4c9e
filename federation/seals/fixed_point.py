"""Numbers as words mod 2^32, whose sums over countries are exact.

A weight of an update is a whole number of units, times the country's weight; a unit is chosen so that the sum of all
countries cannot reach 2^31. A score is a whole number of 2^-SCALE, in LIMBS limbs of LIMB bits, so that the limbs of up
to 256 countries add up without a carry.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.seals.masks import Words

Floats = NDArray[np.float64]
LIMB, LIMBS, SCALE = 24, 4, 24
MOST_COUNTRIES = 2 ** (32 - LIMB)
RANGE = 2 ** (LIMB * LIMBS)
LARGEST_WEIGHT = 64


def whole_weights(claims: Sequence[int], largest_share: float | None) -> list[int]:
    """Weights of countries as whole numbers from 1 to LARGEST_WEIGHT, in proportion to what they claim.

    largest_share: times the median of the claims, at most, a country counts; None: unbounded.
    """
    bound = max(claims) if largest_share is None else largest_share * float(np.median(claims))
    most = max(1.0, min(bound, float(max(claims))))
    return [max(1, round(LARGEST_WEIGHT * min(claim, most) / most)) for claim in claims]


@dataclass(frozen=True, kw_only=True)
class Codec:
    """values: of an update, each between -bound and bound. scores: numbers besides. total: sum of all weights."""

    values: int
    scores: int
    total: int
    bound: float

    @property
    def units(self) -> int:
        """In `bound`; so many times `total` stay below 2^31."""
        return (2**31 - 1) // self.total

    @property
    def words(self) -> int:
        """Of one country's frame."""
        return self.values + LIMBS * self.scores

    def encode(self, values: Floats, scores: Floats, weight: int) -> Words:
        """(words,) of one country. Raises OverflowError for a value or score beyond its range, ValueError for NaN."""
        if not (np.isfinite(values).all() and np.isfinite(scores).all()):
            raise ValueError("numbers that are not finite cannot be summed")
        if np.abs(values).max(initial=0.0) > self.bound:
            raise OverflowError(f"a value lies outside of {self.bound:g}")
        units = np.rint(values / self.bound * self.units).astype(np.int64) * weight
        limbs = [_limbs(float(score)) for score in scores]
        return np.concatenate([units.astype(np.uint32), np.array(limbs, np.uint32).reshape(-1)])

    def mean(self, words: Words, weight: int) -> Floats:
        """(values,) weighted mean of the countries whose words were summed. weight: the sum of theirs."""
        units = words[: self.values].view(np.int32).astype(np.float64)
        return np.asarray(units / self.units / weight * self.bound)

    def sums(self, words: Words) -> Floats:
        """(scores,) sums of the countries' scores."""
        limbs = words[self.values :].reshape(-1, LIMBS)
        return np.array([_number([int(each) for each in row]) for row in limbs], np.float64)


def _limbs(score: float) -> list[int]:
    whole = round(score * 2**SCALE)
    if abs(whole) >= RANGE // 2 // MOST_COUNTRIES:
        raise OverflowError("a score is too large to be summed")  # how large leaves no country
    whole %= RANGE
    return [whole >> (LIMB * place) & (2**LIMB - 1) for place in range(LIMBS)]


def _number(limbs: Sequence[int]) -> float:
    whole = sum(limb << (LIMB * place) for place, limb in enumerate(limbs)) % RANGE
    return float((whole - RANGE if whole >= RANGE // 2 else whole) / 2**SCALE)
