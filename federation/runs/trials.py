"""Runs that a launcher or a sweeper of Hydra starts: each a run like any other, and its value for the search."""

from dataclasses import dataclass, replace
from math import inf, isfinite
from pathlib import Path

from federation.errors import ConfigError
from federation.runs.pair import is_pair
from federation.runs.simulation import simulate
from federation.runs.sweep import continued, is_finished
from federation.settings.schema import Settings
from federation.tracking import progress
from tasks.registry import TASKS

FEDERATED = "federated"


@dataclass(frozen=True)
class Trial:
    """What goes to the process of a job. direction: minimize | maximize, of a sweeper that looks for the best."""

    direction: str | None

    def __call__(self, number: int, settings: Settings) -> float:
        """Do the run, go on with it, or take it as it was done before; its best validation headline of the region.

        Raises GotongError or TaskError.
        """
        if settings.sweep is None or settings.name is not None:
            raise ConfigError("a sweep by a launcher or sweeper needs sweep=NAME, which names its runs, and no name=")
        if is_pair(settings):
            raise ConfigError("purpose=operational is two runs, and a sweep is of studies; leave it out")
        score = next(iter(TASKS[settings.task.name].scores.values()))
        larger = score.better == "larger"
        if self.direction is not None and (self.direction == "maximize") != larger:
            raise ConfigError(f"hydra.sweeper.direction={self.direction}, and a {score.better} headline is better")
        settings = replace(settings, name=f"{settings.sweep}-{number:03d}")
        if not is_finished(settings):
            simulate(continued(settings))
        values = [each.scores.get(FEDERATED, inf) for each in progress.follow(_folder(settings), 0.0)]
        known = [value for value in values if isfinite(value)]
        if not known:
            raise ConfigError(f"run {settings.name} has no validation score of the region, so nothing can be compared")
        return max(known) if larger else min(known)


def _folder(settings: Settings) -> Path:
    return Path(settings.runs) / str(settings.name)
