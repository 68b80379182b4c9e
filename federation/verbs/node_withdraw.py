"""`gotong node withdraw`: a country's own switch, on its own machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.node import pause


@dataclass
class Withdraw:
    """home: the node's folder."""

    home: str = "node"


def run(words: Sequence[str]) -> None:
    """Take effect before the next frame."""
    compose("node withdraw", words, Withdraw, withdraw)


def withdraw(settings: Withdraw) -> None:
    """Raises DeploymentError if there is no such node."""
    if not pause.withdraw(Path(settings.home)):
        print(f"{settings.home} holds no courier/node.key; the courier's own folder does: remove node.key there too")
    print(
        "withdrawn for good; have the coordinator run `gotong keys revoke`, and read docs/operate.md on models so far"
    )
