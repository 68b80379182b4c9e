"""What a run may choose about weekly dengue."""

from dataclasses import dataclass, field

from tasks.errors import SettingError
from tasks.models.choice import ModelSettings
from tasks.settings import Calendar

STEP = "week"
COUNTS = ("final", "known", "nowcast")
MOST_LATE = 5  # weeks after which a count is taken for final
FARTHEST = 26  # weeks; a forecast of the same weeks of earlier years then stays in the past


def _calendar() -> Calendar:
    return Calendar(train_until="2016-12", validate_until="2018-12", test_until="2019-12", step=STEP)


@dataclass  # not frozen: Hydra merges it
class HealthWeeklySettings(ModelSettings):
    """Weekly dengue forecasts; every key can be overridden as task.KEY=VALUE."""

    name: str = "health_weekly"
    calendar: Calendar = field(default_factory=_calendar)
    horizons: list[int] = field(default_factory=lambda: [1, 2, 4, 8])  # weeks ahead
    lags: int = 8  # weeks of cases up to the origin that the model sees one by one
    counts: str = "final"  # final | known | nowcast: of now, as on record at each origin, or these completed
    simulated_delay: list[float] = field(default_factory=list)  # shares on record after 0, 1, ... weeks, where unknown
    hidden: list[int] = field(default_factory=lambda: [128, 128])  # widths of the hidden layers; [] is a linear model
    dropout: float = 0.2  # share of hidden values left out at each training step

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        super().check()
        steps = self.horizons
        if not steps or steps != sorted(set(steps)) or not 1 <= steps[0] <= steps[-1] <= FARTHEST:
            raise SettingError(f"task.horizons is {steps}; choose rising weeks from 1 to {FARTHEST}, such as [1,2,4,8]")
        if not 1 <= self.lags <= 52:
            raise SettingError(f"task.lags is {self.lags}; choose 1 to 52")
        if self.counts not in COUNTS:
            raise SettingError(f"task.counts is {self.counts!r}; choose {', '.join(COUNTS)}")
        shares = self.simulated_delay
        if shares != sorted(shares) or not all(0 < share <= 1 for share in shares) or len(shares) > MOST_LATE:
            raise SettingError(
                f"task.simulated_delay is {shares}; choose at most {MOST_LATE} rising shares above 0 and up to 1, such "
                f"as [0.54,0.97]"
            )
        if shares and self.counts == "final":
            raise SettingError("task.simulated_delay does nothing with task.counts=final; choose known or nowcast")


def horizons(settings: HealthWeeklySettings) -> tuple[str, ...]:
    """What the horizons are called in tables."""
    return tuple(f"{step} week{'s' if step > 1 else ''}" for step in settings.horizons)
