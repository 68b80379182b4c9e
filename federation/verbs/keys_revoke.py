"""`gotong keys revoke country=VNM`: a node is a member no more, and its key never again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.deployment import certificates
from federation.deployment.coordinator import members
from federation.deployment.revocation import FILE as REVOKED
from federation.errors import DeploymentError


@dataclass
class Dismissal:
    """Whose key."""

    country: str = MISSING
    home: str = "coordinator"


def run(words: Sequence[str]) -> None:
    """Take effect within seconds where the coordinator runs."""
    compose("keys revoke", words, Dismissal, revoke)


def revoke(dismissal: Dismissal) -> None:
    """Raises DeploymentError if the country is no member."""
    home = Path(dismissal.home)
    if dismissal.country in members.members(home) or not members.was_revoked(home, dismissal.country):
        gone = members.revoke(home, dismissal.country)
        print(f"{gone.country} is no member; its keys {gone.fingerprint} cannot come back")
    try:
        certificates.revoke(home, members.revoked_numbers(home))
    except DeploymentError as error:
        raise DeploymentError(
            f"the list of revoked keys is not signed yet ({error}); run `gotong keys revoke country="
            f"{dismissal.country}` again where the authority's key is"
        ) from None
    print(f"{home / REVOKED} lists all revoked keys; vaults get it with the next request")
