"""`gotong cycle status`: which step a region's month is at, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.cycle import status


@dataclass  # not frozen: Hydra merges it
class StatusSettings:
    """runs: the folder of the runs. months: how many are shown of each region and task, the newest first."""

    runs: str = "runs"
    months: int = 3


def run(words: Sequence[str]) -> None:
    """Print it."""
    compose("cycle status", words, StatusSettings, _show)


def _show(settings: StatusSettings) -> None:
    for line in status.lines(Path(settings.runs), settings.months):
        print(line)
