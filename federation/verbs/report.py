"""`gotong report run=RUN`: what came out of a finished run, as JSON and as a page for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.pages import run_page
from federation.pages.words import read_words
from federation.runs import folder as run_folder
from federation.verbs.word_checks import required


@dataclass  # not frozen: Hydra merges it
class ReportSettings:
    """run: a finished run under `runs`. words: a file of the page's words in another language; None: English."""

    run: str | None = None
    runs: str = "runs"
    words: str | None = None


def run(words: Sequence[str]) -> None:
    """Write both into the run's folder, and say where they are."""
    compose("report", words, ReportSettings, _report)


def _report(settings: ReportSettings) -> None:
    name = required(settings.run, "say which run: gotong report run=RUN")
    folder = run_folder.existing(settings.runs, name)
    for path in run_page.write(folder, read_words(None if settings.words is None else Path(settings.words))):
        print(path)
