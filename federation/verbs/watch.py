"""`gotong watch run=RUN`: how far a run is, a line a round, wherever it was started."""

from collections.abc import Sequence
from dataclasses import dataclass

from federation.composition.compose import compose
from federation.runs import folder as run_folder
from federation.settings.checks import within
from federation.tracking.progress import follow, json_line, line
from federation.tracking.run_state import state
from federation.verbs.word_checks import required


@dataclass  # not frozen: Hydra merges it
class WatchSettings:
    """run: under `runs`. json: a JSON object a round. quiet: no line but the last. pause: seconds between two looks."""

    run: str | None = None
    runs: str = "runs"
    json: bool = False
    quiet: bool = False
    pause: float = 1.0


def run(words: Sequence[str]) -> None:
    """Print every round so far and each that follows, until the run ends; Ctrl-C ends the watching, not the run."""
    compose("watch", words, WatchSettings, _watch)


def _watch(settings: WatchSettings) -> None:
    within("pause", settings.pause, 0, 3600, above=True)
    name = required(settings.run, "say which run: gotong watch run=RUN")
    folder = run_folder.existing(settings.runs, name)
    for done in follow(folder, settings.pause):
        if not settings.quiet:
            print(json_line(done) if settings.json else line(done), flush=True)
    if not settings.json:
        print(f"{name}: {state(folder).lower()}")
