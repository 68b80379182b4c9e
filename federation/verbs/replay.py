"""`gotong replay run=NAME`: send what MLflow has not received of a run that is over."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.runs import folder as run_folder
from federation.runs.run import saved
from federation.settings.parts import TrackingSettings
from federation.tracking import tracker


@dataclass  # not frozen: Hydra merges it
class ReplaySettings:
    """Which run."""

    run: str = ""
    runs: str = "runs"
    tracking: TrackingSettings = field(default_factory=TrackingSettings)


def run(words: Sequence[str]) -> None:
    """Send it, and say how much it was."""
    compose("replay", words, ReplaySettings, _replay)


def _replay(settings: ReplaySettings) -> None:
    if not settings.run:
        raise ConfigError("replay needs run=NAME, the name of a folder under runs")
    settings.tracking.check()
    folder = run_folder.existing(settings.runs, settings.run)
    with run_folder.locked(folder):
        sent = tracker.replay(folder, _where(settings.tracking, folder), Path(settings.runs))
    print(f"{settings.run}: {sent:,} bytes sent" if sent else f"{settings.run}: MLflow had everything already")


def _where(given: TrackingSettings, folder: Path) -> TrackingSettings:
    """The settings, with the run's own MLflow where none is given: a replay goes where the run was tracked.

    Raises ConfigError where no checkpoint says where that was.
    """
    if given.uri:
        return given
    if not run_folder.has_checkpoint(folder):
        raise ConfigError(
            f"{folder} has no checkpoint, so the run had not begun and there is nothing to send; if the checkpoint was "
            f"removed, say where the run was tracked: tracking.uri=ADDRESS"
        )
    own = saved(folder)[0].tracking
    return replace(given, uri=own.uri, experiment=own.experiment)
