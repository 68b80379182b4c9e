"""`gotong node pause`: a country's own switch, on its own machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.node import pause


@dataclass
class Pause:
    """home: the node's folder."""

    home: str = "node"


def run(words: Sequence[str]) -> None:
    """Take effect before the next frame."""
    compose("node pause", words, Pause, _pause)


def _pause(settings: Pause) -> None:
    """Raises DeploymentError if there is no such node."""
    pause.pause(Path(settings.home))
    print("paused: every frame is refused until `gotong node resume`")
