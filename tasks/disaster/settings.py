"""What a run may choose about the disaster task."""

from dataclasses import dataclass, field

from tasks.errors import SettingError
from tasks.models.choice import ModelSettings
from tasks.settings import Calendar

EVENTS = {"drought": "a drought", "rain": "extreme rain", "flood": "a flood"}
HAZARDS = tuple(EVENTS)


def _calendar() -> Calendar:
    return Calendar(train_until="2005-12", validate_until="2009-12", test_until="2016-12")


@dataclass  # not frozen: Hydra merges it
class DisasterSettings(ModelSettings):
    """Monthly early warning for 1-degree cells; every key can be overridden as task.KEY=VALUE."""

    name: str = "disaster"
    calendar: Calendar = field(default_factory=_calendar)
    hazard: str = "drought"  # drought | rain | flood: the event to warn of, see `events`
    horizons: int = 3  # months ahead: 1, ..., horizons
    steady: bool = True  # rescale gauge rainfall by its recent past, because gauges come and go, see `gauges`
    hidden: list[int] = field(default_factory=lambda: [32, 32])  # widths of the hidden layers; [] is a linear model
    dropout: float = 0.3  # share of hidden values left out at each training step

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        super().check()
        if self.hazard not in HAZARDS:
            raise SettingError(f"task.hazard is {self.hazard!r}; choose {', '.join(HAZARDS)}")
        _within("horizons", self.horizons, 1, 11)  # 11: a same-month climatology of earlier years stays in the past


def _within(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN too
        raise SettingError(f"task.{key} is {value}; choose {low} to {high}")


def horizons(settings: DisasterSettings) -> tuple[str, ...]:
    """What the horizons are called in tables."""
    return tuple(f"{step} month{'s' if step > 1 else ''}" for step in range(1, settings.horizons + 1))
