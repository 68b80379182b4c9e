"""`gotong node resume`: a country's own switch, on its own machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition import compose
from federation.deployment import presence


@dataclass
class Resume:
    """home: the node's folder."""

    home: str = "node"


def run(words: Sequence[str]) -> None:
    """Take effect before the next frame."""
    compose("node resume", words, Resume, resume)


def resume(asked: Resume) -> None:
    """Raises DeploymentError if there is no such node."""
    presence.resume(Path(asked.home))
    print("serving again")
