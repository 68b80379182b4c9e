"""What a run may choose about the river task."""

from dataclasses import dataclass, field

from tasks.errors import SettingError
from tasks.models.choice import ModelSettings
from tasks.settings import Calendar

LEADS = 7  # days ahead: 1, ..., 7
LEVELS: tuple[float, ...] = (0.025, 0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.975)
STARTS = ("recession", "flow")
ISSUED, PERFECT = "issued", "perfect_weather"
MODES = {
    ISSUED: "issued, nothing known after the day",
    PERFECT: "perfect weather, observed weather of the days ahead: a bound, no forecast",
}


def _decades() -> Calendar:
    return Calendar(train_until="2004-12", validate_until="2009-12", test_until="2016-12", step="day")


@dataclass  # not frozen: Hydra merges it
class RiverSettings(ModelSettings):
    """Daily flow at gauges; every key can be overridden as task.KEY=VALUE."""

    name: str = "river"
    calendar: Calendar = field(default_factory=_decades)
    mode: str = ISSUED  # issued | perfect_weather: what of the days ahead is known; the two are never compared
    every: int = 10  # days from one scored forecast of a gauge to the next; products are of any day
    train_every: int = 1  # days from one training situation of a gauge to the next
    hide_every: int = 0  # days from one training situation in which the gauge is hidden to the next; 0: it never is
    departs_from: str = "recession"  # recession | flow: a forecast departs from the linear recession, or the last flow
    action_lead: int = 3  # days ahead at which somebody acts on a flood: an alert names no gauge for a later day
    action_probability: float = 0.7  # of a flood by that day from which on somebody acts, and an alert names a gauge
    hidden: list[int] = field(default_factory=lambda: [16])  # widths of the hidden layers; [] is a linear model

    @property
    def acts_from(self) -> float:
        """Of the rule of action, which may be stricter than the cost of acting alone."""
        return self.action_probability

    @property
    def needs_weather(self) -> bool:
        """Of perfect weather."""
        return self.mode == PERFECT

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        super().check()
        if self.mode not in MODES:
            raise SettingError(f"task.mode is {self.mode!r}; choose {' or '.join(MODES)}")
        for name, least in (("every", 1), ("train_every", 1), ("hide_every", 0)):
            if not least <= getattr(self, name) <= 60:
                raise SettingError(f"task.{name} is {getattr(self, name)}; choose {least} to 60")
        if self.departs_from not in STARTS:
            raise SettingError(f"task.departs_from is {self.departs_from!r}; choose {' or '.join(STARTS)}")
        if not 1 <= self.action_lead <= LEADS:
            raise SettingError(f"task.action_lead is {self.action_lead}; choose 1 to {LEADS}")
        if not 0 < self.action_probability <= 1:
            raise SettingError(f"task.action_probability is {self.action_probability}; choose more than 0, at most 1")


def title(settings: RiverSettings) -> str:
    """What is forecast, with its mode."""
    return f"Daily flow of rivers ({MODES[settings.mode]})"


def horizons(_: RiverSettings) -> tuple[str, ...]:
    """What the horizons are called in tables."""
    return tuple(f"{lead} day{'s' if lead > 1 else ''}" for lead in range(1, LEADS + 1))
