"""What a run may choose about the price task."""

from dataclasses import dataclass, field

from tasks.models.choice import ModelSettings
from tasks.settings import Calendar

LEADS = (1, 3, 6)  # months from the last known price to the one forecast


def _recent() -> Calendar:
    return Calendar(train_until="2014-12", validate_until="2016-12", test_until="2019-12")


@dataclass  # not frozen: Hydra merges it
class PricesSettings(ModelSettings):
    """Market prices 1, 3 and 6 months ahead; every key can be overridden as task.KEY=VALUE."""

    name: str = "prices"
    calendar: Calendar = field(default_factory=_recent)
    hidden: list[int] = field(default_factory=lambda: [16])  # widths of the hidden layers; [] is a linear model


def horizons(_: PricesSettings) -> tuple[str, ...]:
    """What the horizons are called in tables."""
    return tuple(f"{lead} month{'s' if lead > 1 else ''}" for lead in LEADS)
