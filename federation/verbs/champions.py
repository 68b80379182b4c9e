"""What the verbs of the champion share: which model, in which store, and errors of MLflow in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from federation.errors import ConfigError, GotongError, TrackingError, one_line
from federation.settings.region import RegionSettings
from federation.settings.schema import TrackingSettings
from federation.tracking.registry import model_name
from federation.tracking.store import Store, connect
from tasks.errors import TaskError
from tasks.settings import TaskSettings


@dataclass  # not frozen: Hydra merges it
class ChampionSettings:
    """task, region: whose champion. runs: folder of the runs, and of MLflow's store unless tracking says another."""

    task: TaskSettings
    region: RegionSettings = field(default_factory=RegionSettings)
    runs: str = "runs"
    tracking: TrackingSettings = field(default_factory=TrackingSettings)


@contextmanager
def registry(tracking: TrackingSettings, runs: str, region: str, task: str) -> Iterator[tuple[Store, str]]:
    """The store and the registered model's name. Raises ConfigError, or TrackingError for whatever MLflow raises."""
    tracking.check()
    if tracking.name == "none":
        raise ConfigError("champions stand in MLflow's registry; leave out tracking=none")
    try:
        yield connect(tracking, Path(runs)), model_name(region, task)
    except (GotongError, TaskError):  # of what is done with it
        raise
    except Exception as error:  # HTTP, SQL, disk: MLflow raises what its layers raise
        raise TrackingError(f"MLflow's registry could not be used: {one_line(error)}") from error
