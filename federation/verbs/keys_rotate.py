"""`gotong keys rotate`: new keys in place of old ones, of a coordinator, or with `country=` of a node.

A node's new keys are signed by its old ones: the coordinator then takes its file without a telephone call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment import certificates, enrolment
from federation.deployment.coordinator import ledger as coordinator_ledger
from federation.deployment.coordinator import members
from federation.deployment.node import own_ledger
from federation.deployment.private_keys import new_passphrase
from federation.deployment.revocation import FILE as REVOKED
from federation.errors import ConfigError

PARTS = ("both", "vault", "courier")


@dataclass
class Rotation:
    """names: none takes those of the old certificate. revoke: the old keys, for somebody else may have them.

    country, part, vault: of a node, as of `keys node`. passphrase: ask for one.
    """

    home: str = "coordinator"
    names: list[str] = field(default_factory=list)
    revoke: bool = False
    country: str | None = None
    part: str = "both"  # both | vault | courier
    vault: str | None = None
    passphrase: bool = False


def run(words: Sequence[str]) -> None:
    """Make them; they are served from the next start."""
    compose("keys rotate", words, Rotation, rotate)


def rotate(rotation: Rotation) -> None:
    """Raises DeploymentError where there are no keys, ConfigError for words of the other side."""
    if rotation.country is None:
        _rotate_coordinator(rotation)
    elif rotation.names or rotation.revoke:
        raise ConfigError("names= and revoke= are of a coordinator; leave out country=, or these")
    else:
        _rotate_node(rotation, rotation.country)


def _rotate_coordinator(rotation: Rotation) -> None:
    home = Path(rotation.home)
    names = list(rotation.names) or certificates.names_of(certificates.certificate_of(home / "server.pem"))
    old, before = certificates.own_numbers(home), certificates.signer_key_of(home)
    certificates.issue(home, names)
    certificates.issue_signer(home, passphrase=new_passphrase(rotation.passphrase))
    coordinator_ledger.sign_again(home, before)
    if rotation.revoke:
        certificates.revoke(home, [*old, *members.revoked_numbers(home)])
        print(f"The old keys are revoked: hand {home / REVOKED} to every node, next to its ca.pem.")
    until = certificates.certificate_of(home / "server.pem").not_valid_after_utc
    print(
        f"A new key that signs requests, and a new certificate for {', '.join(names)}, good until {until:%Y-%m-%d}. "
        f"Restart the coordinator to serve it."
    )


def _rotate_node(rotation: Rotation, country: str) -> None:
    if rotation.part not in PARTS or (rotation.part == "courier") != (rotation.vault is not None):
        raise ConfigError(f"part={rotation.part} is one of {', '.join(PARTS)}, and vault=FILE goes with part=courier")
    home, passphrase = Path(rotation.home), new_passphrase(rotation.passphrase)
    file = Path(rotation.vault) if rotation.vault is not None else own_ledger.rotate(home, country, passphrase)
    if rotation.part != "courier":
        print(f"Members of sealed runs take the vault's new key with `gotong node roster accept` and rotation={file}.")
    if rotation.part == "vault":
        print(f"Hand {file} to the courier's user: `gotong keys rotate country={country} part=courier vault=FILE`.")
        return
    made = enrolment.rotate_courier_key(home / "courier", country, file, passphrase)
    print(f"Send {home / 'courier' / f'{country}.enrolment.json'} to the coordinator; the old keys signed it.")
    print(f"The new keys are {made.fingerprint}; start the node when they are enrolled.")
