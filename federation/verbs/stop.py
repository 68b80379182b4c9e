"""`gotong stop run=NAME`: end a submitted run; what its rounds learnt so far is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from federation import runfolder
from federation.composition import compose
from federation.deployment import standing
from federation.deployment.submission import again


@dataclass
class Stop:
    """Which run of which coordinator."""

    run: str = MISSING
    home: str = "coordinator"
    runs: str = "runs"


def run(words: Sequence[str]) -> None:
    """Stop it."""
    compose("stop", words, Stop, stop)


def stop(asked: Stop) -> None:
    """Raises DeploymentError if it is not in progress."""
    folder = runfolder.existing(asked.runs, asked.run)
    standing.stop(Path(asked.home), folder)
    print(f"{asked.run} is being stopped; {again(folder)}")
