"""`gotong data template task=health to=FILE`: an empty national file, and a page about its columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.composition.compose import compose
from federation.verbs.word_checks import required
from tasks.files.template import write_template
from tasks.settings import TaskSettings


@dataclass  # not frozen: Hydra merges it
class TemplateSettings:
    """to: a .csv file, or a folder for all files of the task."""

    task: TaskSettings
    to: str | None = None


def run(words: Sequence[str]) -> None:
    """Write it, and say where."""
    compose("data template", words, TemplateSettings, _template)


def _template(settings: TemplateSettings) -> None:
    to = required(settings.to, f"say where it goes: gotong data template task={settings.task.name} to=FILE.csv")
    for file in write_template(settings.task.name, Path(to)):
        print(file)
