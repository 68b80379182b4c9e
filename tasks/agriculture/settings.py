"""What a run may choose about the agriculture task."""

from dataclasses import dataclass, field

from tasks.agriculture.schema import VARIABLES
from tasks.errors import SettingError
from tasks.models.choice import ModelSettings
from tasks.settings import Calendar

VIEWS = ("national", "cells")


def _harvests() -> Calendar:
    return Calendar(train_until="2003-12", validate_until="2007-12", test_until="2013-12")


@dataclass  # not frozen: Hydra merges it
class AgricultureSettings(ModelSettings):
    """Yields per harvest year, forecast at four issue dates; every key can be overridden as task.KEY=VALUE.

    SPEI is not among the weather by default: published series are standardised on years to come as well.
    """

    name: str = "agriculture"
    calendar: Calendar = field(default_factory=_harvests)  # a harvest year counts as its December
    view: str = "national"  # national: rows of the whole country | cells: rows of provinces or grid cells
    weather: list[str] = field(default_factory=lambda: ["rainfall", "mean_temperature", "nino34"])  # [] for none
    hidden: list[int] = field(default_factory=lambda: [32, 32])  # widths of the hidden layers; [] is a linear model
    dropout: float = 0.3  # share of hidden values left out at each training step

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        super().check()
        if self.view not in VIEWS:
            raise SettingError(f"task.view is {self.view!r}; choose {' or '.join(VIEWS)}")
        for variable in self.weather:
            if variable not in VARIABLES:
                raise SettingError(f"task.weather names {variable!r}; choose from {', '.join(VARIABLES)}")
        if len(set(self.weather)) < len(self.weather):
            raise SettingError(f"task.weather names a variable twice: {', '.join(self.weather)}")
