"""What a run may choose about the health task."""

from dataclasses import dataclass, field

from tasks.errors import SettingError
from tasks.models.choice import ModelSettings

STATISTICS = ("country", "place")


@dataclass  # not frozen: Hydra merges it
class HealthSettings(ModelSettings):
    """Monthly dengue forecasts; every key can be overridden as task.KEY=VALUE."""

    name: str = "health"
    horizons: int = 3  # months ahead: 1, ..., horizons
    lags: int = 12  # months of cases up to the origin that the model sees
    statistics: str = "country"  # country | place: whether spread and season of a place lean on the country's
    weather: bool = True  # let the model see rainfall, temperature and humidity
    hidden: list[int] = field(default_factory=lambda: [128, 128])  # widths of the hidden layers; [] is a linear model
    dropout: float = 0.2  # share of hidden values left out at each training step

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        super().check()
        if self.statistics not in STATISTICS:
            raise SettingError(f"task.statistics is {self.statistics!r}; choose {' or '.join(STATISTICS)}")
        _within("horizons", self.horizons, 1, 11)  # 11: a same-month climatology of earlier years stays in the past
        _within("lags", self.lags, 1, 60)


def horizons(settings: HealthSettings) -> tuple[str, ...]:
    """What the horizons are called in tables."""
    return tuple(f"{step} month{'s' if step > 1 else ''}" for step in range(1, settings.horizons + 1))


def _within(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN too
        raise SettingError(f"task.{key} is {value}; choose {low} to {high}")
