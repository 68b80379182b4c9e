"""`gotong keys coordinator`: a certificate authority, its first server certificate, and the key that signs requests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment import certificates
from federation.deployment.private_keys import new_passphrase
from federation.deployment.secret_files import private_folder


@dataclass
class Keys:
    """Where the coordinator lives and under which names nodes reach it."""

    home: str = "coordinator"
    names: list[str] = field(default_factory=list)  # host names and IP addresses
    passphrase: bool = False  # ask for one; a service's credential, or the environment, is taken without being asked


def run(words: Sequence[str]) -> None:
    """Make them and say what to hand to the nodes."""
    compose("keys coordinator", words, Keys, create)


def create(keys: Keys) -> None:
    """Raises DeploymentError if an authority is there."""
    home = private_folder(Path(keys.home))
    certificates.create(home, list(keys.names), passphrase=new_passphrase(keys.passphrase))
    print(f"Hand {home / 'ca.pem'} to every node, and compare with it by another way:")
    print(f"  SHA-256 {certificates.fingerprint(home / 'ca.pem')}")
    names = certificates.names_of(certificates.certificate_of(home / "server.pem"))
    print(f"The server certificate is for {', '.join(names)}")
