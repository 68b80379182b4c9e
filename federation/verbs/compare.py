"""`gotong compare runs=DIR names=[A,B]`: runs side by side."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from federation.composition import compose
from federation.results import plain
from federation.settings import TrackingSettings
from federation.tracking.compare import RESULTS, compare
from tasks.atomic import write_atomically


@dataclass  # not frozen: Hydra merges it
class CompareSettings:
    """Which runs; none named takes every finished one of the folder."""

    names: list[str] = field(default_factory=list)
    arm: str = "federated"
    runs: str = "runs"
    out: str | None = None
    tracking: TrackingSettings = field(default_factory=TrackingSettings)


def run(words: Sequence[str]) -> None:
    """Print the table; write its rows as JSON with out=FILE."""
    compose("compare", words, CompareSettings, _compare)


def _compare(settings: CompareSettings) -> None:
    settings.tracking.check()
    runs = Path(settings.runs)
    names = settings.names or sorted(path.parent.name for path in runs.glob(f"*/{RESULTS}"))
    sheet, found = compare(runs, settings.tracking, names, arm=settings.arm)
    Console(highlight=False).print(sheet)
    if settings.out is not None:
        rows = [{"run": each.run, **plain(each.row), "wins": each.wins, "clear": each.clear} for each in found]
        write_atomically(Path(settings.out), json.dumps(rows, indent=1, allow_nan=False).encode())
