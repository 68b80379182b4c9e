"""`gotong results runs=DIR to=docs/results.md`: the pages of all experiments that MLflow keeps there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federation.composition.compose import compose
from federation.errors import TrackingError
from federation.settings.parts import TrackingSettings
from federation.studies.finished_runs import finished_runs
from federation.studies.results_pages import write
from federation.studies.seed_groups import groups
from federation.studies.targets import Target
from federation.verbs.word_checks import file_to_write


@dataclass  # not frozen: Hydra merges it
class ResultsSettings:
    """Whose results, and where to. targets: what was to be reached; tasks' pages lie in a folder of its name."""

    runs: str = "runs"
    to: str = "results.md"
    targets: list[Target] = field(default_factory=list)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)


def run(words: Sequence[str]) -> None:
    """Write the pages and their pictures."""
    compose("results", words, ResultsSettings, _results)


def _results(settings: ResultsSettings) -> None:
    settings.tracking.check()
    path = file_to_write("to", settings.to)
    for target in settings.targets:
        target.check()
    runs = finished_runs(Path(settings.runs), settings.tracking)
    if not runs:
        raise TrackingError(f"no run in {settings.runs} is finished; simulate something there first, or write runs=DIR")
    path.parent.mkdir(parents=True, exist_ok=True)
    pages = write(groups(runs), settings.targets, path)
    print(f"{path}: {len(runs)} runs; a page a task: {', '.join(map(str, pages[1:]))}")
