"""`gotong compare runs=DIR names=[A,B]`: runs side by side."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from federation.composition.compose import compose
from federation.reporting.rows import RESULTS, plain
from federation.settings.schema import TrackingSettings
from federation.studies.compare import compare
from tasks.files.atomic import write_atomically


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
    console = Console(highlight=False)
    rows = []
    for each in compare(runs, settings.tracking, names, arm=settings.arm):
        if each.sheet is not None:
            console.print(each.sheet)
        for line in each.lines:
            console.print(line, markup=False, soft_wrap=True)
        rows += [{"run": one.run, **plain(one.row), "wins": one.wins, "clear": one.clear} for one in each.scores]
    if settings.out is not None:
        write_atomically(Path(settings.out), json.dumps(rows, indent=1, allow_nan=False).encode())
