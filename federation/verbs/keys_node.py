"""`gotong keys node`: a node's two keys, made where they stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.deployment import enrolment
from federation.deployment.private_keys import new_passphrase
from federation.deployment.secret_files import private_folder
from federation.errors import ConfigError
from federation.verbs import policy_template

PARTS = ("both", "vault", "courier")


@dataclass
class NodeKeys:
    """home: the node's own folder, or the one of the part whose key it is. vault: the file of the vault's key, for a
    courier with a home of its own. policy: where to write the country's policy, the template of a new node; one that is
    there stays as it is."""

    country: str = MISSING
    home: str = "node"
    part: str = "both"  # both | vault | courier
    vault: str | None = None
    policy: str | None = None
    passphrase: bool = False  # ask for one; a service's credential, or the environment, is taken without being asked


def run(words: Sequence[str]) -> None:
    """Make them and say what goes where."""
    compose("keys node", words, NodeKeys, create)


def create(node: NodeKeys) -> None:
    """Raises DeploymentError if there are keys already."""
    if node.part not in PARTS:
        raise ConfigError(f"part={node.part} is none of {', '.join(PARTS)}")
    if (node.part == "courier") != (node.vault is not None):
        raise ConfigError("give vault=FILE with part=courier, and only there: the file that part=vault made")
    if node.policy is not None and not Path(node.policy).exists():
        policy_template.write(policy_template.TemplateSettings(country=node.country, to=node.policy))
    home, passphrase = private_folder(Path(node.home)), new_passphrase(node.passphrase)
    if node.part == "vault":
        path = enrolment.create_vault_key(home / "vault", node.country, passphrase)
        print(f"Hand {path} to the courier's user: `gotong keys node country={node.country} part=courier vault=FILE`.")
        return
    if node.vault is not None:
        made = enrolment.create_courier_key(home / "courier", node.country, Path(node.vault), passphrase)
    else:
        made = enrolment.create_keys(home, node.country, passphrase)
    sent = home / "courier" / f"{node.country}.enrolment.json"
    print(f"Send {sent} to the coordinator; every file that ends in .key stays here.")
    print(f"The coordinator must see the same fingerprints: {made.fingerprint}")
