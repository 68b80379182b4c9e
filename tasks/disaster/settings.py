"""What a run may choose about the disaster task."""

from dataclasses import dataclass, field

import numpy as np

from tasks.errors import SettingError
from tasks.models.choice import ModelSettings
from tasks.settings import Calendar, TaskSettings

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
    reference_until: str | None = None  # last month of the years that say what is usual, and so what an event is;
    # none: those of the training. Set it where runs that train to different months must warn of the same events
    steady: bool = True  # rescale gauge rainfall by its recent past, because gauges come and go, see `gauges`
    history: int = 0  # months of SPEI and the oceans that the model sees one by one; 0: none, see `memory`
    hidden: list[int] = field(default_factory=lambda: [32, 32])  # widths of the hidden layers; [] is a linear model
    dropout: float = 0.3  # share of hidden values left out at each training step

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        super().check()
        if self.hazard not in HAZARDS:
            raise SettingError(f"task.hazard is {self.hazard!r}; choose {', '.join(HAZARDS)}")
        trained = self.calendar.cuts()[0]
        if self.reference() > trained:
            raise SettingError(
                f"task.reference_until={self.reference_until} is after the training, which ends with {trained}: what "
                f"is usual would be learnt from months that are forecast; give {trained} or an earlier month"
            )
        _within("history", self.history, 0, 120)
        _within("horizons", self.horizons, 1, 11)  # 11: a same-month climatology of earlier years stays in the past

    def own_keys(self) -> tuple[str, ...]:
        """A country's own model may see fewer months of the oceans, or none: alone it learns little from them."""
        return ("history",)

    def check_own(self, own: TaskSettings) -> None:
        """Raise SettingError for more months than the windows hold."""
        if isinstance(own, DisasterSettings) and own.history > self.history:
            raise SettingError(f"task.history is {own.history}, and the windows hold {self.history}; choose no more")

    def reference(self) -> np.datetime64:
        """The last month of the years that say what is usual in a place; raises SettingError for no month."""
        if self.reference_until is None:
            return self.calendar.cuts()[0]
        try:
            return np.datetime64(self.reference_until, "M")
        except ValueError:
            raise SettingError(f"task.reference_until={self.reference_until} is no month, such as 2005-12") from None


def _within(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN too
        raise SettingError(f"task.{key} is {value}; choose {low} to {high}")


def horizons(settings: DisasterSettings) -> tuple[str, ...]:
    """What the horizons are called in tables."""
    return tuple(f"{step} month{'s' if step > 1 else ''}" for step in range(1, settings.horizons + 1))
