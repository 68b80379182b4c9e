"""`gotong keys rotate`: a new server certificate under the authority that nodes already trust."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment import certificates


@dataclass
class Rotation:
    """names: none takes those of the old certificate."""

    home: str = "coordinator"
    names: list[str] = field(default_factory=list)


def run(words: Sequence[str]) -> None:
    """Make it; the coordinator serves it from its next start."""
    compose("keys rotate", words, Rotation, rotate)


def rotate(rotation: Rotation) -> None:
    """Raises DeploymentError where there is no authority."""
    home = Path(rotation.home)
    names = list(rotation.names) or certificates.names_of(certificates.certificate_of(home / "server.pem"))
    certificates.issue(home, names)
    until = certificates.certificate_of(home / "server.pem").not_valid_after_utc
    print(
        f"A new certificate for {', '.join(names)}, good until {until:%Y-%m-%d}. Restart the coordinator to serve it."
    )
