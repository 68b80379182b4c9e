"""`gotong keys rotate`: a new server certificate under the authority that nodes already trust."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment import certificates
from federation.deployment.private_keys import new_passphrase


@dataclass
class Rotation:
    """names: none takes those of the old certificate."""

    home: str = "coordinator"
    names: list[str] = field(default_factory=list)
    passphrase: bool = False  # ask for one, of the key that signs requests


def run(words: Sequence[str]) -> None:
    """Make it; the coordinator serves it from its next start."""
    compose("keys rotate", words, Rotation, rotate)


def rotate(rotation: Rotation) -> None:
    """Raises DeploymentError where there is no authority."""
    home = Path(rotation.home)
    names = list(rotation.names) or certificates.names_of(certificates.certificate_of(home / "server.pem"))
    certificates.issue(home, names)
    certificates.issue_signer(home, passphrase=new_passphrase(rotation.passphrase))
    until = certificates.certificate_of(home / "server.pem").not_valid_after_utc
    print(
        f"A new key that signs requests, and a new certificate for {', '.join(names)}, good until {until:%Y-%m-%d}. "
        f"Restart the coordinator to serve it."
    )
