"""strategy=auto, which a run takes that names no strategy: what becomes of it once the run's countries are known."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

from federation.settings.parts import StrategySettings
from federation.settings.plan import PROTECTION, SEALED
from federation.settings.schema import Settings
from federation.strategies import STRATEGIES
from tasks.files.folders import has_table
from tasks.registry import TASKS

T = TypeVar("T")

AUTO = "auto"
ENOUGH = 8  # learning countries, of which a quarter may then be hostile: two
ROBUST, PLAIN = "robust_direction", "fedavg"


@dataclass  # not frozen: Hydra merges it
class AutoSettings(StrategySettings):
    """Keys of every strategy; `weights` is that of the strategy it becomes, unless it is set."""

    name: str = AUTO
    weights: str = AUTO


def with_strategy(settings: T) -> T:
    """The settings with a strategy where they have none: a robust one where enough countries learn, else FedAvg.

    A facility is no country with a key of its own, and thousands of updates can be summed as they come by FedAvg alone.
    A sealed run has nothing but the mean of the updates.
    """
    assert isinstance(settings, Settings), "settings of a run"
    auto = settings.strategy
    if auto.name != AUTO:
        return settings
    learning = set(_present(settings)) - set(settings.hold_out)
    robust = (
        len(learning) >= ENOUGH and not settings.region.facilities and SEALED not in PROTECTION[settings.protection]
    )
    kept = {each.name: getattr(auto, each.name) for each in fields(StrategySettings) if each.name != "name"}
    if kept["weights"] == AUTO:
        del kept["weights"]
    return replace(settings, strategy=STRATEGIES[ROBUST if robust else PLAIN].settings(**kept))


def _present(settings: Settings) -> list[str]:
    """The region's countries that have records of the task, where they are in a folder; else all that may take part."""
    if settings.data is None or not Path(settings.data).is_dir():
        return settings.members()
    stem = TASKS[settings.task.name].file.split(".")[0]
    return [country for country in settings.region.countries if has_table(Path(settings.data) / country, stem)]


def note(settings: Settings) -> tuple[str, ...]:
    """A line for the person who starts a run that hostile countries cannot steer."""
    if settings.strategy.name != ROBUST:
        return ()
    return (f"strategy={ROBUST} (default of {ENOUGH} or more countries); strategy={PLAIN} takes the plain mean",)
