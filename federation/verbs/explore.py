"""`gotong explore`: what every country's records look like and can serve, before anything is trained."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from federation.composition.compose import compose
from federation.deployment.coordinator import explore as explore_coordinator
from federation.deployment.coordinator.submission import Submission
from federation.deployment.coordinator.submit import submit
from federation.errors import ConfigError
from federation.reporting import explored as reporting
from federation.reporting import explored_region as region_reporting
from federation.runs import explore
from federation.runs import folder as run_folder
from federation.settings.plan import NOISED, PROTECTION, SEALED
from federation.settings.schema import AUTO, Settings
from federation.verbs.submit import SubmitSettings

WIDE = 130  # columns of a table that goes into a file
DEADLINE = 600.0  # seconds between machines


@dataclass  # not frozen: Hydra merges it
class ExploreSettings(SubmitSettings):
    """Keys of a run, and: home, the coordinator's folder; empty: the national files in data=, on this machine."""

    home: str = ""
    deadline: float | None = None


def run(words: Sequence[str]) -> None:
    """Print the table, and who can train, validate and test; with -m task=health,disaster of several tasks."""
    compose("explore", words, ExploreSettings, look)


def look(given: ExploreSettings) -> None:
    """Raises GotongError or TaskError; countries that refuse are in the table with their reason."""
    if NOISED in PROTECTION[given.protection]:
        raise ConfigError(
            f"protection={given.protection}: what is explored is not noised; write protection=sealed for sums over "
            f"countries alone, or leave protection= out"
        )
    if given.calendar == AUTO:
        raise ConfigError("calendar=auto: this shows when records end; name the cuts to ask about, or leave it out")
    name = given.name or f"explore-{given.task.name}-{datetime.now():%Y%m%d-%H%M%S}"
    named = replace(given, name=name, tracking=replace(given.tracking, name="none"), quorum=1)
    if given.home:
        named = replace(named, deadline=given.deadline or DEADLINE)
        settings = named.run()
    else:
        settings = Settings(**{each.name: getattr(named, each.name) for each in fields(Settings)})
    folder = run_folder.create(settings)
    home, sealed = Path(given.home), SEALED in PROTECTION[given.protection]
    with run_folder.removed_without_checkpoint(folder):
        if sealed:
            _show_region(_sealed(home, settings, folder) if given.home else explore.sealed(settings, folder), folder)
            return
        explored = _deployed(home, settings, folder) if given.home else explore.simulated(settings, folder)
        files = explore.write(folder, explored)
    _show(reporting.table(explored), (*reporting.sentences(explored), *map(str, files)))


def _show_region(explored: region_reporting.RegionExplored, folder: Path) -> None:
    files = explore.write_region(folder, explored)
    _show(region_reporting.table(explored), (*region_reporting.sentences(explored), *map(str, files)))


def _show(table: Table, lines: Sequence[str]) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    console.print(table)
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _sealed(home: Path, settings: Settings, folder: Path) -> region_reporting.RegionExplored:
    _submit(home, settings, folder)
    return explore_coordinator.read_sealed(folder)


def _deployed(home: Path, settings: Settings, folder: Path) -> "reporting.Exploration":
    _submit(home, settings, folder)
    return explore_coordinator.read(settings, folder)


def _submit(home: Path, settings: Settings, folder: Path) -> None:
    width = shutil.get_terminal_size((120, 40)).columns
    submission = Submission(settings=settings, folder=folder, width=width, resume=False, explore=True)
    submit(home, submission, partial(print, flush=True))
