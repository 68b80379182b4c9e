"""The arithmetic of a sealed run, which follows from its plan and setup alone: weights, codecs, and the next model."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import Any

import numpy as np

from federation.errors import SealError
from federation.privacy.mechanism import largest_value
from federation.seals import layout
from federation.seals.fixed_point import Codec, whole_weights
from federation.seals.layout import Cell, ScoreName
from federation.seals.masks import Words
from federation.seals.model import SharedModel
from federation.seals.setup import Setup
from federation.seals.terms import FEWEST
from federation.settings.plan import Plan, is_noised
from tasks.data import Part
from tasks.evaluation.score import Sums
from tasks.registry import TASKS

BOUND = 1.0  # of a value of an update in one round; a country's larger update is scaled down to it
VOTES = 2  # numbers besides the scores: countries that compared this model with the one before, and found it worse
MOST_EXAMPLES = 2**31


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a country lets all others know. examples: next power of two of its training examples, 0 if it trains none;
    under differential privacy the number of its places, which is public.

    filled: part -> which rows of scores (a horizon each, then all) rest on any of its records. model: digest of the
    first model as it derived it. versions: of the software that did. sealed_only: its policy serves no other runs.
    """

    examples: int
    filled: Mapping[str, Sequence[bool]]
    model: str
    versions: str
    sealed_only: bool

    def table(self) -> dict[str, Any]:
        """As it is announced."""
        filled = {part: [bool(row) for row in rows] for part, rows in self.filled.items()}
        said = {"examples": self.examples, "filled": filled, "model": self.model, "versions": self.versions}
        return {**said, "sealed_only": self.sealed_only}


@dataclass(frozen=True, kw_only=True)
class Closed:
    """What a round came to. model: after it. scores: the region's sums. voters, worse: of the vote on its model; of a
    test, countries that find it better and worse than the champion for certain.

    change: L2 norm of the mean update; 0 of a round without one.
    """

    model: SharedModel
    change: float
    scores: Mapping[ScoreName, Sums]
    voters: int
    worse: int

    @property
    def got_worse(self) -> bool:
        """Whether half of those who voted found the model worse than the one before, and enough of them voted."""
        return self.voters >= FEWEST and 2 * self.worse >= self.voters


@dataclass(frozen=True, kw_only=True)
class SealedRun:
    """A plan and its setup. Raises SealError where a country's claims are none."""

    plan: Plan
    setup: Setup

    @cached_property
    def claims(self) -> dict[str, Claims]:
        """country -> what it announced."""
        rows = len(TASKS[self.plan.task.name].horizons(self.plan.task)) + 1
        parts = sorted(parts_of(self.plan))
        return {country: _read(country, table, parts, rows) for country, table in self.setup.claims.items()}

    @cached_property
    def weights(self) -> dict[str, int]:
        """country -> how much its update counts: a whole number that all know; 0 of one that trains nothing."""
        rule = self.plan.strategy.weights
        learning = self.check_learning()
        whole = whole_weights(
            [_counts(self.claims[each].examples, rule) for each in learning], self.plan.strategy.largest_share
        )
        return dict.fromkeys(self.claims, 0) | dict(zip(learning, whole, strict=True))

    def check_learning(self) -> list[str]:
        """Countries that train a model. Raises SealError for fewer of them than a sum of updates must hold."""
        learning = [country for country, claims in self.claims.items() if claims.examples]
        if len(learning) < self.setup.terms.fewest:
            raise SealError(
                f"{len(learning)} countries of run {self.setup.terms.run} train a model, and a sum of updates holds "
                f"{self.setup.terms.fewest} or more"
            )
        return learning

    @cached_property
    def filled(self) -> dict[str, list[bool]]:
        """part -> rows of scores that are summed: those of which enough are left if as many drop out as may.

        The validation is summed in every round, and two sums may differ by one group: every group has enough of them.
        """
        terms, filled = self.setup.terms, {country: claims.filled for country, claims in self.claims.items()}
        rows = layout.enough(filled.values(), terms.fewest + len(terms.members) - terms.threshold)
        by_group = [layout.enough([filled[each] for each in group], terms.fewest) for group in self.setup.groups]
        rows["validation"] = [all(row) for row in zip(*(each["validation"] for each in by_group), strict=True)]
        return rows

    def cells(self, kind: str) -> list[Cell]:
        """The scores that a round of this kind sums."""
        return layout.cells(self.plan, kind)

    def codec(self, kind: str, values: int) -> Codec:
        """Of a round's words. values: of the model."""
        scores = layout.count(self.cells(kind)) + VOTES
        total = sum(self.weights.values())
        bound = bound_of(self.plan)
        return Codec(values=values if kind == "train" else 0, scores=scores, total=total, bound=bound)

    def frame_bytes(self, model: SharedModel, kind: str) -> int:
        """Of one country's words in a round of this kind."""
        return 4 * self.codec(kind, sum(value.size for value in model.weights.values())).words

    def close(self, model: SharedModel, kind: str, listed: Collection[str], words: Words) -> Closed:
        """What follows from the sum of a round's words, the same in every country. model: that the round rested on."""
        codec = self.codec(kind, sum(value.size for value in model.weights.values()))
        if words.shape != (codec.words,):
            raise SealError(f"a sum of {len(words)} words closes a round of {codec.words}")
        sums = codec.sums(words)
        scores = layout.unflat(sums[:-VOTES], self.cells(kind))
        after = model if kind == "test" else model.scored(scores, self.plan)
        change = np.zeros(0)
        if kind == "train":
            change = codec.mean(words, sum(self.weights[country] for country in listed))
            after = after.stepped(change, self.plan)
        norm = float(np.linalg.norm(change))
        # Under differential privacy nobody votes, and what a hostile frame holds there is no vote.
        voters, worse = (0, 0) if is_noised(self.plan) else (int(sums[-2]), int(sums[-1]))
        return Closed(model=after, change=norm, scores=scores, voters=voters, worse=worse)


def kind_of(plan: Plan, round_: int) -> str:
    """What a round does: the rounds of training, then one that scores the last model, then the test."""
    return "train" if round_ <= plan.rounds else "validate" if round_ == plan.rounds + 1 else "test"


def bound_of(plan: Plan) -> float:
    """Of a value of an update in one round; one that is beyond it is made smaller before it is masked."""
    return largest_value(plan) if is_noised(plan) else BOUND


def rounds_of(plan: Plan) -> int:
    """Sums of a sealed run."""
    return plan.rounds + 2


def parts_of(plan: Plan) -> tuple[Part, ...]:
    """Parts of the records that are scored."""
    return ("validation", "test", "excluded_period") if plan.task.calendar.excluded_period else ("validation", "test")


def _counts(examples: int, rule: str) -> int:
    """How much a country counts before it is capped."""
    if rule == "equal":
        return 1
    return isqrt(examples) if rule == "sqrt" else examples


def _read(country: str, table: Mapping[str, Any], parts: Sequence[str], rows: int) -> Claims:
    examples: Any = table.get("examples")
    filled: Any = table.get("filled")
    model: Any = table.get("model")
    versions: Any = table.get("versions")
    sealed_only: Any = table.get("sealed_only")
    fits = (
        type(examples) is int
        and 0 <= examples <= MOST_EXAMPLES
        and isinstance(filled, dict)
        and sorted(filled) == list(parts)
        and all(isinstance(own, list) and len(own) == rows and {*map(type, own)} <= {bool} for own in filled.values())
        and isinstance(model, str)
        and isinstance(versions, str)
        and versions.isprintable()
        and type(sealed_only) is bool
    )
    if not fits:
        raise SealError(f"{country} announced claims that are none: {str(table)[:120]}")
    return Claims(examples=examples, filled=filled, model=model[:64], versions=versions[:100], sealed_only=sealed_only)
