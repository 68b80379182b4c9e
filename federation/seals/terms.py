"""What the members of a sealed run agree to before it: who they are, how many open a sum, how many rounds there are."""

from collections.abc import Mapping
from dataclasses import dataclass

from federation.errors import SealError
from federation.seals.fixed_point import MOST_COUNTRIES
from federation.seals.masks import digest

FEWEST = 3  # countries in a sum, at least: of two, each knows the other's part


@dataclass(frozen=True, kw_only=True)
class SealTerms:
    """members: country -> its vault's public Ed25519 key, in alphabetical order. plan: digest of the run's plan.

    threshold: countries that must sign a list before it opens. rounds: sums of the run, scores among them.
    """

    run: str
    plan: str
    members: Mapping[str, bytes]
    threshold: int
    rounds: int
    fewest: int = FEWEST

    @property
    def digest(self) -> bytes:
        """Of all of it."""
        named = [part for country, key in self.members.items() for part in (country, key)]
        return digest("terms", self.run, self.plan, self.threshold, self.rounds, self.fewest, len(self.members), *named)

    def check(self) -> None:
        """Raise SealError for terms under which two lists of one round could be opened, or a sum of too few."""
        count = len(self.members)
        if list(self.members) != sorted(self.members) or not FEWEST <= self.fewest <= count <= MOST_COUNTRIES:
            raise SealError(
                f"a sealed run has {max(self.fewest, FEWEST)} to {MOST_COUNTRIES} members in alphabetical order, not "
                f"{count}, and sums of {FEWEST} or more"
            )
        if not count < 2 * self.threshold <= 2 * count:
            raise SealError(f"with a threshold of {self.threshold} of {count}, two lists of a round could be opened")


def default_threshold(members: int) -> int:
    """More than two thirds: two lists cannot be opened while fewer than a third of the countries lie."""
    return 2 * members // 3 + 1
