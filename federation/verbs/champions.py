"""What the verbs of the champion share: which model, in which store."""

from dataclasses import dataclass, field

from federation.settings.parts import TrackingSettings
from federation.settings.region import RegionSettings
from tasks.settings import TaskSettings


@dataclass  # not frozen: Hydra merges it
class ChampionSettings:
    """task, region: whose champion. runs: folder of the runs, and of MLflow's store unless tracking says another."""

    task: TaskSettings
    region: RegionSettings = field(default_factory=RegionSettings)
    runs: str = "runs"
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
