"""A region between machines: terms and runs go through the coordinator, and countries issue by themselves."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.cycle.record import folder_of
from federation.deployment.coordinator.submission import RECORD_ENDS, Submission
from federation.deployment.coordinator.submit import follow, submit
from federation.errors import GotongError
from federation.issuing.export import export
from federation.runs import folder as run_folder
from federation.runs.operational import lies_ahead
from federation.settings.schema import Settings
from federation.tracking import registry


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A coordinator's members. home: of the coordinator, which runs."""

    home: Path
    say: Callable[[str], None]

    def ends(self, settings: Settings) -> Mapping[str, str]:
        """From their signed terms. Raises GotongError in the words of the process that asked."""
        region, task = settings.region.name, settings.task.name
        folder = folder_of(Path(settings.runs), region, task) / f"{region}-{task}-terms"
        folder.mkdir(parents=True, exist_ok=True)
        self._end(folder, settings, resume=False, terms_only=True)
        ends: dict[str, str] = json.loads((folder / RECORD_ENDS).read_text())
        ahead = {country for country, end in ends.items() if lies_ahead(end, settings.task.calendar.step)}
        for country in sorted(ahead):
            self.say(f"{country} says that its records end in {ends[country]}, which lies ahead: it has no vote")
        return {country: end for country, end in ends.items() if country not in ahead}

    def run(self, settings: Settings) -> object:
        """Follow a run to its end: a new one, one that is resumed, or one that still goes on after a kill."""
        if settings.resume is None:
            folder = run_folder.create(settings)
            with run_folder.removed_without_checkpoint(folder):
                self._end(folder, settings, resume=False)
        else:
            self._end(run_folder.existing(settings.runs, settings.resume), settings, resume=True)
        return None

    def export(self, settings: Settings) -> Path:
        """Signed, in the coordinator's folder, from where its gateway serves it."""
        where = (settings.tracking, settings.runs, settings.region.name, settings.task.name)
        with registry.opened(*where) as (store, name):
            path, _, _ = export(store, name, runs=settings.runs, to=None, home=self.home)
        return path

    def issue(self, settings: Settings, champion: Path) -> Mapping[str, Any]:  # noqa: ARG002
        """Every country's own node does, with `gotong node issue`."""
        return {}

    def _end(self, folder: Path, settings: Settings, *, resume: bool, terms_only: bool = False) -> None:
        if run_folder.is_locked(folder):
            error = follow(folder, self.say)
            if error is not None:
                raise GotongError(error)
            return
        width = shutil.get_terminal_size((120, 40)).columns
        submission = Submission(settings=settings, folder=folder, width=width, resume=resume, terms_only=terms_only)
        submit(self.home, submission, self.say)
