"""`gotong node roster show policy=FILE`: the members whose keys this node accepted."""

from collections.abc import Sequence
from dataclasses import dataclass

from federation.composition.compose import compose
from federation.policy.file import policy_at, read_roster
from federation.verbs.word_checks import required


@dataclass  # not frozen: Hydra merges it
class RosterSettings:
    """policy: this node's policy file."""

    policy: str | None = None


def run(words: Sequence[str]) -> None:
    """Print a line a member."""
    compose("node roster show", words, RosterSettings, _show)


def _show(settings: RosterSettings) -> None:
    policy = policy_at(required(settings.policy, "say whose: gotong node roster show policy=FILE"))
    roster = read_roster(policy)
    for country, fingerprint in sorted(roster.items()):
        print(f"{country}  {fingerprint}")
    if not roster:
        print(f"{policy.country} has accepted no member's key; it takes part in no sealed run")
