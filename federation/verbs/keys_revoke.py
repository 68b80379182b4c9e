"""`gotong keys revoke country=VNM`: a node is a member no more, and its key never again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.deployment.coordinator import members


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
    gone = members.revoke(Path(dismissal.home), dismissal.country)
    print(f"{gone.country} is no member; its keys {gone.fingerprint} cannot come back")
