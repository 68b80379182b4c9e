"""`gotong keys node`: a node's key, made where it stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.deployment.enrolment import create_key
from federation.deployment.secret_files import private_folder


@dataclass
class NodeKey:
    """home: the node's own folder; its courier's part holds the key."""

    country: str = MISSING
    home: str = "node"


def run(words: Sequence[str]) -> None:
    """Make it and say what goes where."""
    compose("keys node", words, NodeKey, create)


def create(node: NodeKey) -> None:
    """Raises DeploymentError if there is a key already."""
    folder = private_folder(Path(node.home)) / "courier"
    enrolment = create_key(folder, node.country)
    print(f"Send {folder / f'{node.country}.enrolment.json'} to the coordinator; the key {folder / 'node.key'} stays.")
    print(f"The coordinator must see the same fingerprint: {enrolment.fingerprint}")
