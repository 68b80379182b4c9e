"""`gotong submit`: the same run as `gotong simulate`, on the machines of the countries."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

from federation.composition.compose import compose
from federation.composition.restore import check
from federation.deployment.coordinator.submission import Submission
from federation.deployment.coordinator.submit import removed_if_unused
from federation.deployment.coordinator.submit import submit as submit_run
from federation.errors import ConfigError
from federation.runs import folder as run_folder
from federation.settings.schema import Settings

WITH_RESUME = ("resume", "runs", "out", "home", "deadline")  # all else comes from the checkpoint
AT_NODES = "at the nodes"


@dataclass
class SubmitSettings(Settings):
    """A run, and the coordinator that shall do it."""

    home: str = "coordinator"
    deadline: float | None = 600.0

    def run(self) -> Settings:
        """The part that is the same as in a simulation."""
        values = {f.name: getattr(self, f.name) for f in fields(Settings)}
        return Settings(**{**values, "data": AT_NODES, "runs": str(Path(self.runs).resolve())})


def run(words: Sequence[str]) -> None:
    """Submit a run and follow it, or go on with one."""
    if any(word.startswith("resume=") for word in words):
        for word in words:
            if "=" in word and word.split("=")[0].lstrip("+") not in WITH_RESUME:
                raise ConfigError(
                    f"resume takes the settings from the checkpoint; leave out {word}, or start a new run"
                )
    compose("submit", words, SubmitSettings, submit)


def submit(asked: SubmitSettings) -> None:
    """Raises GotongError with the run's own words if it failed: exit code 0 means that it completed."""
    if asked.data is not None:
        raise ConfigError("records stay at the nodes; leave out data=, every node names its own")
    if asked.deadline is None:
        raise ConfigError("a round between machines needs an end; give deadline= in seconds")
    settings = asked.run()
    if (settings.device, settings.precision) != ("cpu", "float32"):
        raise ConfigError("every node says itself where and how exactly it trains; leave out device= and precision=")
    check(settings)
    settings.check_deployable()
    width = shutil.get_terminal_size((120, 40)).columns
    folder = run_folder.existing(settings.runs, asked.resume) if asked.resume else run_folder.create(settings)
    if settings.out is not None:
        settings = replace(settings, out=str(Path(settings.out).resolve()))
    submission = Submission(settings=settings, folder=folder, width=width, resume=asked.resume is not None)
    with removed_if_unused(folder):
        submit_run(Path(asked.home), submission, partial(print, flush=True))  # live also where it goes to a file
