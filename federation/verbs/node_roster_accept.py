"""`gotong node roster accept country=PHL fingerprint=SHA256:... policy=FILE`: sealed runs with this vault's key."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.policy.file import accept_member, policy_at, read_roster
from federation.verbs.word_checks import required
from tasks.places.countries import problem_with

SAY = "say whose key: gotong node roster accept country=PHL fingerprint=SHA256:... policy=FILE"
FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass  # not frozen: Hydra merges it
class RosterSettings:
    """country: whose vault. fingerprint: of its key, as its operator read it out. policy: this node's policy file.

    anew: the country has another key than before, for it lost the old one or rotated it.
    """

    country: str | None = None
    fingerprint: str | None = None
    policy: str | None = None
    anew: bool = False


def run(words: Sequence[str]) -> None:
    """Write the fingerprint next to the policy."""
    compose("node roster accept", words, RosterSettings, _accept)


def _accept(settings: RosterSettings) -> None:
    policy, country = policy_at(required(settings.policy, SAY)), required(settings.country, SAY)
    fingerprint = required(settings.fingerprint, SAY)
    if wrong := problem_with(country):
        raise ConfigError(f"country: {wrong}")
    if not FINGERPRINT.fullmatch(fingerprint):
        raise ConfigError(
            f"fingerprint={fingerprint} is none; `gotong keys node` printed it at {country}'s node, SHA256: and 43 "
            f"letters, the second of its two"
        )
    before = read_roster(policy).get(country)
    if before not in (None, fingerprint) and not settings.anew:
        raise ConfigError(
            f"{country} is on the roster with {before}; ask its operator why the key changed, by a number you knew "
            f"before, then say anew=true"
        )
    path = accept_member(policy, country, fingerprint)
    print(f"{path}: sealed runs with {country} {fingerprint} are accepted")
