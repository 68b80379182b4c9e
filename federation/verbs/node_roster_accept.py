"""`gotong node roster accept country=PHL fingerprint=SHA256:... policy=FILE`: sealed runs with this vault's key.

With `rotation=FILE` instead of a fingerprint, the key that follows the one on the roster, which signed it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment import enrolment
from federation.errors import ConfigError
from federation.policy.file import accept_member, policy_at, read_roster
from federation.verbs.word_checks import required
from tasks.places.countries import problem_with

SAY = "say whose key: gotong node roster accept country=PHL fingerprint=SHA256:... policy=FILE"
FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass  # not frozen: Hydra merges it
class RosterSettings:
    """country: whose vault. fingerprint: of its key, as its operator read it out. policy: this node's policy file.

    rotation: the file COUNTRY.vault.json that `gotong keys rotate` made there. anew: the country has another key than
    before, which the old one did not sign, for it was lost or revoked.
    """

    country: str | None = None
    fingerprint: str | None = None
    rotation: str | None = None
    policy: str | None = None
    anew: bool = False


def run(words: Sequence[str]) -> None:
    """Write the fingerprint next to the policy."""
    compose("node roster accept", words, RosterSettings, _accept)


def _accept(settings: RosterSettings) -> None:
    policy, country = policy_at(required(settings.policy, SAY)), required(settings.country, SAY)
    if wrong := problem_with(country):
        raise ConfigError(f"country: {wrong}")
    before = read_roster(policy).get(country)
    if settings.rotation is not None:
        fingerprint = _successor(settings, Path(settings.rotation), country, before)
    else:
        fingerprint = _as_read_out(settings, country, before)
    path = accept_member(policy, country, fingerprint)
    print(f"{path}: sealed runs with {country} {fingerprint} are accepted")


def _as_read_out(settings: RosterSettings, country: str, before: str | None) -> str:
    fingerprint = required(settings.fingerprint, SAY)
    if not FINGERPRINT.fullmatch(fingerprint):
        raise ConfigError(
            f"fingerprint={fingerprint} is none; `gotong keys node` printed it at {country}'s node, SHA256: and 43 "
            f"letters, the second of its two"
        )
    if before not in (None, fingerprint) and not settings.anew:
        raise ConfigError(
            f"{country} is on the roster with {before}; if it rotated its key, give the file that it made "
            f"(rotation={country}.vault.json). Else ask its operator why the key changed, by a number you knew before, "
            f"then say anew=true"
        )
    return fingerprint


def _successor(settings: RosterSettings, file: Path, country: str, before: str | None) -> str:
    """The fingerprint of the key that the one on the roster signed. Raises ConfigError or DeploymentError."""
    if settings.fingerprint is not None or settings.anew:
        raise ConfigError("rotation= needs no fingerprint= and no anew=; leave them out")
    key = enrolment.read_vault_key_file(file)
    if key.country != country:
        raise ConfigError(f"{file} is of {key.country}, not of {country}")
    if not key.succeeds():
        raise ConfigError(
            f"{file} names no key before that signed this one; get the file that `gotong keys rotate` made at "
            f"{country}'s node, or accept the key anew by its fingerprint"
        )
    if (signer := enrolment.fingerprint_of(key.vault_key_before)) != before:
        raise ConfigError(
            f"{file} is signed by {signer}, and {country} is on the roster with {before or 'no key'}; if it rotated "
            f"more than once, take the files in turn, else accept the key anew by its fingerprint"
        )
    return enrolment.fingerprint_of(key.vault_key)
