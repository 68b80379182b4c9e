"""`gotong compare runs=DIR names=[A,B]`: runs side by side."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.pages import comparison_page, comparison_report
from federation.pages.words import read_words
from federation.reporting.rows import RESULTS, plain
from federation.settings.parts import TrackingSettings
from federation.studies.compare import Comparison, compare
from federation.verbs.word_checks import file_to_write
from tasks.files.atomic import write_atomically


@dataclass  # not frozen: Hydra merges it
class CompareSettings:
    """Which runs, and by which arm.

    names: of the runs; none named takes every finished one of the folder. arm: whose scores. out: a file of the rows,
    as JSON. to: FILE.html, a page for people, and its numbers in FILE.json. words: a file of the page's words in
    another language.
    """

    names: list[str] = field(default_factory=list)
    arm: str = "federated"
    runs: str = "runs"
    out: str | None = None
    to: str | None = None
    words: str | None = None
    tracking: TrackingSettings = field(default_factory=TrackingSettings)


def run(words: Sequence[str]) -> None:
    """Print the table; write its rows as JSON with out=FILE."""
    compose("compare", words, CompareSettings, _compare)


def _compare(settings: CompareSettings) -> None:
    settings.tracking.check()
    out, to = (
        None if value is None else file_to_write(key, value)
        for key, value in (("out", settings.out), ("to", settings.to))
    )
    runs = Path(settings.runs)
    names = settings.names or sorted(path.parent.name for path in runs.glob(f"*/{RESULTS}"))
    console = Console(highlight=False)
    rows = []
    compared = compare(runs, settings.tracking, names, arm=settings.arm)
    for each in compared:
        if each.sheet is not None:
            console.print(each.sheet)
        for line in each.lines:
            console.print(line, markup=False, soft_wrap=True)
        rows += [{"run": one.run, **plain(one.row), "wins": one.wins, "clear": one.clear} for one in each.scores]
    if out is not None:
        write_atomically(out, json.dumps(rows, indent=1, allow_nan=False).encode())
    if to is not None:
        console.print(_page(to, compared, settings), markup=False, soft_wrap=True)


def _page(to: Path, compared: Sequence[Comparison], settings: CompareSettings) -> str:
    """Write the page and its numbers; their names. Raises ConfigError for a file that is no page by its name."""
    if to.suffix != ".html":
        raise ConfigError(f"to={to} must end in .html, for example to={to.with_suffix('.html')}")
    report = comparison_report.report_of(compared, settings.arm)
    words = read_words(None if settings.words is None else Path(settings.words))
    write_atomically(to.with_suffix(".json"), comparison_report.text(report).encode())
    write_atomically(to, comparison_page.page(report, words).encode())
    return f"{to}\n{to.with_suffix('.json')}"
