"""`gotong stop run=NAME`: end a submitted run; what its rounds learnt so far is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omegaconf import MISSING

from federation.composition.compose import compose
from federation.deployment.coordinator.stopping import stop as stop_run
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
    folder = stop_run(Path(settings.home), settings.runs, settings.run, partial(print, flush=True))
    left = resume_hint(folder) if run_folder.has_checkpoint(folder) else "it had not begun"
    print(f"{settings.run} is stopped; {left}")
