"""`gotong status`: a coordinator's certificate, members and runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition import compose
from federation.deployment import standing


@dataclass
class Status:
    """Which coordinator, and where its runs lie."""

    home: str = "coordinator"
    runs: str = "runs"


def run(words: Sequence[str]) -> None:
    """Print it."""
    compose("status", words, Status, tell)


def tell(status: Status) -> None:
    """Raises DeploymentError if the coordinator is not running."""
    for line in standing.lines(Path(status.home), Path(status.runs)):
        print(line)
