"""`gotong submit`: the same run as `gotong simulate`, on the machines of the countries."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from federation.composition.compose import compose
from federation.composition.restore import check
from federation.deployment.coordinator import members
from federation.deployment.coordinator.submission import Submission
from federation.deployment.coordinator.submit import submit as submit_run
from federation.errors import ConfigError
from federation.runs import folder as run_folder
from federation.runs.initial import with_initial
from federation.runs.pair import is_pair, run_pair
from federation.settings.schema import AT_NODES, Settings
from federation.verbs.word_checks import only_with_resume

WITH_RESUME = ("resume", "runs", "out", "home", "deadline")


@dataclass
class SubmitSettings(Settings):
    """A run, and the coordinator that does it."""

    home: str = "coordinator"
    deadline: float | None = 600.0

    def members(self) -> list[str]:
        """The region's countries that are enrolled; all of them where nobody is. Raises DeploymentError."""
        enrolled = members.members(Path(self.home)) if self.home else {}
        return [country for country in self.region.countries if country in enrolled] or self.region.countries

    def run(self) -> Settings:
        """The run. Raises ConfigError for a key that every node sets for itself, and for an arm of simulations only."""
        if self.data is not None:
            raise ConfigError("records stay at the nodes; leave out data=, every node has its own")
        if self.deadline is None:
            raise ConfigError("a round between machines needs an end; give deadline= in seconds")
        if (self.device, self.precision) != ("cpu", "float32"):
            raise ConfigError("every node sets device= and precision= for itself; leave them out")
        values = {each.name: getattr(self, each.name) for each in fields(Settings)}
        out = None if self.out is None else str(Path(self.out).resolve())
        chosen = {**values, "data": AT_NODES, "runs": str(Path(self.runs).resolve()), "out": out}
        settings = with_initial(Settings(**chosen))
        check(settings)
        settings.check_deployable()
        return settings


def run(words: Sequence[str]) -> None:
    """Submit a run and follow it, or resume one."""
    only_with_resume(words, WITH_RESUME)
    compose("submit", words, SubmitSettings, submit)


def submit(submitted: SubmitSettings) -> None:
    """Raises GotongError with the run's own words if it failed: exit code 0 means that it completed."""
    settings, home = submitted.run(), Path(submitted.home)
    one = partial(submit_one, home)
    if is_pair(settings):
        run_pair(settings, one)
    else:
        one(settings)


def submit_one(home: Path, settings: Settings, say: Callable[[str], None] | None = None) -> None:
    """Submit one run and follow it. say: takes its lines; None prints them, flushed, so that a file is live too."""
    resume = settings.resume
    folder = run_folder.existing(settings.runs, resume) if resume else run_folder.create(settings)
    width = shutil.get_terminal_size((120, 40)).columns
    submission = Submission(settings=settings, folder=folder, width=width, resume=bool(resume))
    with run_folder.removed_without_checkpoint(folder):
        submit_run(home, submission, say or partial(print, flush=True))
