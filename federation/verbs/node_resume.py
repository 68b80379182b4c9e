"""`gotong node resume`: a country's own switch, on its own machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.node import pause


@dataclass
class Resume:
    """home: the node's folder."""

    home: str = "node"


def run(words: Sequence[str]) -> None:
    """Take effect before the next frame."""
    compose("node resume", words, Resume, resume)


def resume(settings: Resume) -> None:
    """Raises DeploymentError if there is no such node."""
    pause.resume(Path(settings.home))
    print("serving again")
