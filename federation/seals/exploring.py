"""What a sealed exploration sums: whole numbers over countries, in an order that all of them know.

round 1   how many countries can train, validate and test, and how many have records of each year
round 2   places, and in the years of which enough countries have records, reported and missing place-periods

Which years these are follows from the first sum, which every country opens by itself: nobody has to say of which years
it has records, and nobody else decides which numbers are summed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from federation.errors import SealError
from federation.seals.fixed_point import Codec, Floats
from federation.seals.masks import Words, digest
from federation.seals.sums import Place

YEARS = range(1950, 2050)  # of which records are counted
PARTS = ("train", "validation", "test")
ROUNDS = 2
DOMAIN = "explore "  # before a plan's digest in terms, so that no post of a run is one of an exploration


@dataclass(frozen=True, kw_only=True)
class Summand:
    """What one country adds. can: part -> whether it can. years: one that is over -> reported and all place-periods."""

    places: int
    can: Mapping[str, bool]
    years: Mapping[int, tuple[int, int]]

    def words(self, round_: int, open_years: Sequence[int]) -> Words:
        """Of a round. open_years: whose place-periods are summed in the second."""
        if round_ == 1:
            numbers = [int(self.can[part]) for part in PARTS]
            numbers += [int(self.years.get(year, (0, 0))[0] > 0) for year in YEARS]
        else:
            opened = [self.years.get(year, (0, 0)) if year in open_years else (0, 0) for year in YEARS]
            numbers = [self.places, *(reported for reported, _ in opened), *(every for _, every in opened)]
        return codec(round_).encode(np.zeros(0), np.array(numbers, np.float64), 1)


@dataclass(frozen=True, kw_only=True)
class Year:
    """A year of the region. reported, expected: place-periods; None where too few countries have records of it."""

    year: int
    countries: int
    reported: int | None
    expected: int | None


@dataclass(frozen=True, kw_only=True)
class Region:
    """The sums over countries. can: part -> how many of them can."""

    countries: tuple[str, ...]
    places: int
    can: Mapping[str, int]
    years: tuple[Year, ...]


def codec(round_: int) -> Codec:
    """Of a round's words: counts alone."""
    return Codec(values=0, scores=len(PARTS) + len(YEARS) if round_ == 1 else 1 + 2 * len(YEARS), total=1, bound=1.0)


def place(round_: int, first: Words | None) -> Place:
    """Where a list stands. first: the opened sum of the first round, on which the second rests."""
    rests = b"" if first is None else first.tobytes()
    return Place(round=round_, model=digest("exploring", round_, rests))


def open_years(first: Words, fewest: int) -> list[int]:
    """Years of which at least so many countries have records. first: the opened sum of the first round."""
    having = _numbers(1, first)[len(PARTS) :]
    return [year for year, count in zip(YEARS, having, strict=True) if count >= fewest]


def region(countries: Sequence[str], first: Words, second: Words, fewest: int) -> Region:
    """What both sums say. Raises SealError for sums that no countries can add up to."""
    can, having = np.split(_numbers(1, first), [len(PARTS)])
    places, reported, expected = np.split(_numbers(2, second), [1, 1 + len(YEARS)])
    opened = open_years(first, fewest)
    if max(*can, *having) > len(countries) or min(*can, *having, *places, *(expected - reported)) < 0:
        raise SealError("the sums are none that these countries can add up to: one of them sent other numbers")
    return Region(
        countries=tuple(countries),
        places=int(places[0]),
        can={part: int(count) for part, count in zip(PARTS, can, strict=True)},
        years=tuple(
            Year(
                year=year,
                countries=int(having[at]),
                reported=int(reported[at]) if year in opened else None,
                expected=int(expected[at]) if year in opened else None,
            )
            for at, year in enumerate(YEARS)
            if having[at]
        ),
    )


def _numbers(round_: int, words: Words) -> Floats:
    if words.shape != (codec(round_).words,):
        raise SealError(f"a sum of {len(words)} words closes an exploration's round of {codec(round_).words}")
    return codec(round_).sums(words)
