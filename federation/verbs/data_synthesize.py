"""`gotong data synthesize task=health to=DIR`: national files of synthetic member states, with a known truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.settings.checks import within
from federation.settings.region import RegionSettings
from federation.verbs.word_checks import required
from tasks.places.countries import problem_with
from tasks.registry import TASKS
from tasks.settings import TaskSettings


@dataclass  # not frozen: Hydra merges it
class SynthesizeSettings:
    """countries: ISO 3166-1 alpha-3 codes; none takes the region's. The same seed gives the same bytes."""

    task: TaskSettings
    region: RegionSettings = field(default_factory=RegionSettings)
    to: str | None = None
    countries: list[str] = field(default_factory=list)
    seed: int = 1


def run(words: Sequence[str]) -> None:
    """Write them, and say where."""
    compose("data synthesize", words, SynthesizeSettings, _synthesize)


def _synthesize(settings: SynthesizeSettings) -> None:
    settings.task.check()
    within("seed", settings.seed, 0, 2**31 - 1)
    codes = settings.countries or settings.region.countries
    for code in codes:
        if wrong := problem_with(code):
            raise ConfigError(f"countries: {wrong}")
    task = TASKS[settings.task.name]
    to = required(settings.to, f"name the folder: gotong data synthesize task={task.name} to=FOLDER")
    for code in codes:
        folder = Path(to) / code
        folder.mkdir(parents=True, exist_ok=True)
        task.synthesize(folder, code, settings.seed, settings.task)
        print(folder / task.file)
