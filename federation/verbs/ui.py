"""`gotong ui`: the experiments of a folder of runs in MLflow's own pages, on this machine alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federation.composition.compose import compose
from federation.settings.checks import within
from federation.settings.parts import TrackingSettings
from federation.tracking.ui import open_ui


@dataclass  # not frozen: Hydra merges it
class UiSettings:
    """Which runs, and where they are shown. port: of this machine."""

    runs: str = "runs"
    port: int = 5000
    tracking: TrackingSettings = field(default_factory=TrackingSettings)


def run(words: Sequence[str]) -> None:
    """Serve until Ctrl-C."""
    compose("ui", words, UiSettings, _ui)


def _ui(settings: UiSettings) -> None:
    within("port", settings.port, 1, 65535)
    settings.tracking.check()
    open_ui(Path(settings.runs), settings.tracking, settings.port)
