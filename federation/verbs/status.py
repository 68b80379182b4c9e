"""`gotong status`: a coordinator's certificate, members and runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.deployment.coordinator import status as coordinator_status


@dataclass
class Status:
    """Which coordinator, and where its runs lie."""

    home: str = "coordinator"
    runs: str = "runs"


def run(words: Sequence[str]) -> None:
    """Print it."""
    compose("status", words, Status, show)


def show(status: Status) -> None:
    """Raises DeploymentError if the coordinator is not running."""
    for line in coordinator_status.lines(Path(status.home), Path(status.runs)):
        print(line)
