"""`gotong stop run=NAME`: end a submitted run; what its rounds learnt so far is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.deployment.coordinator import status as coordinator_status
from federation.deployment.coordinator.submission import resume_hint
from federation.runs import folder as run_folder


@dataclass
class Stop:
    """Which run of which coordinator."""

    run: str = MISSING
    home: str = "coordinator"
    runs: str = "runs"


def run(words: Sequence[str]) -> None:
    """Stop it."""
    compose("stop", words, Stop, stop)


def stop(settings: Stop) -> None:
    """Raises DeploymentError if it is not in progress."""
    folder = run_folder.existing(settings.runs, settings.run)
    coordinator_status.stop(Path(settings.home), folder)
    print(f"{settings.run} is being stopped; {resume_hint(folder)}")
