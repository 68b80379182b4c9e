"""An issued forecast, and the product that is made of it: a file for other systems."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, SupportsIndex

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.products.replaced import Replaced
from tasks.time_step import STEPS, TimeStep
from tasks.vintages.delay import Delay
from tasks.vintages.provisional import Provisional

AGES = ("records_until", "records_age", "model_trained_until", "model_age", "reporting_delay")  # of tables; in months


@dataclass(frozen=True, kw_only=True)
class WeatherForecast:
    """A node's own weather forecast that a forecast rests on. issued: when, UTC. file: its name."""

    issued: datetime
    file: str

    @property
    def line(self) -> str:
        """For titles and tables."""
        return f"with the weather forecast issued {self.issued:%Y-%m-%dT%H:%MZ}"


@dataclass(frozen=True, kw_only=True)
class Issued:
    """One country's newest forecast.

    model: name of the run whose model made it. windows: one a place, at the last period that it has on record.
    forecast: (N, H, K) as of `Task.forecast`. levels: (K,) or () for probabilities. sent: when, with a time zone.
    as_of: the month, or of weeks and days the day, whose end the forecast is made at; ages are counted from it, in
    periods of the records. left_out: place -> why it has no forecast. played: whether `sent` is a day in the past that
    an exercise chose.
    sender: whose forecast it is, a name on the internet. cost_loss: the cost of acting over the loss it prevents; who
    acts on a probability at or above it gains in the long run. samples, seed: how many to draw, and from where on.
    replaces: the alert that was given before. delay: what is known of the country's reporting delay, None for nothing.
    weather: the node's own weather forecast of the periods ahead, None where there is none. calibration: of the chances
    of events, by the country's validation years, see `Task.calibrate`; None where nothing is calibrated.
    provisional, young: what was done about counts younger than the delay, and how many there were.
    """

    model: str
    settings: Any
    panel: Panel
    windows: Windows
    forecast: Array
    levels: tuple[float, ...]
    sent: datetime
    as_of: Any
    sender: str
    cost_loss: float
    samples: int
    seed: int
    replaces: Replaced | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    played: bool = False
    delay: Delay | None = None
    provisional: Provisional = "keep"
    young: int = 0
    weather: WeatherForecast | None = None
    calibration: Array | None = None

    @property
    def step(self) -> TimeStep:
        """From a period of the records to the next."""
        return STEPS[self.panel.step]

    @property
    def origin(self) -> str:
        """The last period whose target is known in a forecast place, YYYY-MM or, of weeks and days, YYYY-MM-DD."""
        return str(self.windows.origin.max())

    @property
    def late(self) -> dict[str, str]:
        """Places whose records end before those of others -> their last period."""
        origins = self.windows.origin
        return {self.place(row): str(origins[row]) for row in np.flatnonzero(origins < origins.max())}

    @property
    def trained_until(self) -> Any:
        """The last period that the model's weights learnt from."""
        return period_of(self.settings.calendar.cuts()[0], self.panel.step)

    @property
    def chosen_until(self) -> Any:
        """The last period by which rounds, corrections and shares were chosen; not before training's."""
        return period_of(self.settings.calendar.cuts()[1], self.panel.step)

    @property
    def coming(self) -> Array:
        """(N, H) True where the period that is forecast was not over when the forecast was sent."""
        return np.asarray(period_of(self.windows.due, self.panel.step) > self.step.over(self.sent))

    @property
    def reporting(self) -> str:
        """What is known of the reporting delay, and what became of the counts that it makes provisional."""
        if self.delay is None:
            return f"reporting delay unknown: the newest {self.panel.step}s may still grow, and are taken as they are"
        if self.young == 0:
            return f"{self.delay.line()}; no count is younger"
        done = {"keep": "kept as they are", "mask": "left out", "nowcast": "completed"}[self.provisional]
        return f"{self.delay.line()}; {counted(self.young, 'younger count')} {done}"

    def place(self, row: SupportsIndex) -> str:
        """The id of the place of a window."""
        return self.windows.places[int(self.windows.place[row])]

    def age(self, period: Any) -> int:
        """Whole periods from the end of one to that of `as_of`; negative for a later one."""
        return int((self.as_of - period_of(period, self.panel.step)).astype(int)) // self.step.length

    def ages(self, row: SupportsIndex) -> tuple[Any, ...]:
        """The values of AGES for a window."""
        origin = self.windows.origin[row]
        return origin, self.age(origin), self.trained_until, self.age(self.trained_until), self._delay_months()

    def _delay_months(self) -> int | str:
        return "unknown" if self.delay is None else self.delay.months_of_country


@dataclass(frozen=True, kw_only=True)
class Product:
    """text: the file, or None where there is nothing to hand on. summary: one line on it for the forecaster."""

    text: str | None
    summary: str


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """An issued forecast as chances of the task's event.

    chance: (N, H), NaN where nobody knows what the event is. shown: (N, H), whether a horizon is a forecast of its own:
    of issue dates of one harvest the last one alone is. below: whether the event is a value below its threshold.
    """

    chance: Array
    shown: Array
    below: bool = False


def month_of(periods: Any) -> Any:
    """datetime64[M] of periods of any step."""
    return np.asarray(periods).astype("datetime64[M]")[()]


def period_of(periods: Any, step: str) -> Any:
    """The same in the unit of a step: months, also of harvests, or dates."""
    return np.asarray(periods).astype(STEPS[step].dtype)[()]


def first_day(month: Any) -> str:
    """YYYY-MM-DD of the first day of a datetime64[M]."""
    return f"{month}-01"


def last_day(month: Any) -> str:
    """YYYY-MM-DD of the last day of a datetime64[M]."""
    year, number = map(int, str(month).split("-"))
    return f"{month}-{monthrange(year, number)[1]}"


def counted(number: int, word: str) -> str:
    """Such as '1 place', '2 places'."""
    return f"{number} {word}{'' if number == 1 else 's'}"
