"""`gotong node pause`: a country's own switch, on its own machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition import compose
from federation.deployment import presence


@dataclass
class Pause:
    """home: the node's folder."""

    home: str = "node"


def run(words: Sequence[str]) -> None:
    """Take effect before the next frame."""
    compose("node pause", words, Pause, pause)


def pause(asked: Pause) -> None:
    """Raises DeploymentError if there is no such node."""
    presence.pause(Path(asked.home))
    print("paused: every frame is refused until `gotong node resume`")
