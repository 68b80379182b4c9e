"""An issued forecast with every number that its page shows, made in the country from the country's own records."""

import json
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from federation.errors import ConfigError
from tasks.data import Array
from tasks.products.cap import LIKELY
from tasks.products.forecast import Issued
from tasks.task import Task

PAST = 36  # periods of the records that a chart shows
MOST_CHARTS = 24  # places with a chart: a page stays small enough to send
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)  # levels of the quantiles that are drawn


@dataclass(frozen=True, kw_only=True)
class Step:
    """A period that is forecast. chance: of the event. quantiles: at BANDS, none of a task that forecasts chances.

    coming: whether it was not over when the forecast was sent. level: from where on it is an event, in the
    target's unit.
    """

    due: str
    coming: bool
    chance: float | None
    level: float | None = None
    quantiles: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Outlooks:
    """A place: its last periods on record (`seen` has None where nothing was reported), and its forecast."""

    place: str
    name: str
    until: str
    age: int
    steps: list[Step]
    periods: list[str] = field(default_factory=list)
    seen: list[float | None] = field(default_factory=list)

    @property
    def ahead(self) -> list[Step]:
        """The periods that are not over; all, where all are: a forecast as of an earlier month."""
        return [step for step in self.steps if step.coming] or self.steps

    @property
    def highest(self) -> Step | None:
        """The period ahead with the largest chance."""
        known = [step for step in self.ahead if step.chance is not None]
        return max(known, key=lambda step: step.chance or 0.0, default=None)


@dataclass(frozen=True, kw_only=True)
class ForecastReport:
    """Ages in months. act: the chance from which acting gains in the long run. places: the largest chance first.

    below: whether the event is a value below its level.
    """

    country: str
    task: str
    title: str
    event: str
    unit: str
    model: str
    sent: str
    as_of: str
    records_until: str
    records_age: int
    trained_until: str
    model_age: int
    act: float
    played: bool
    below: bool
    places: list[Outlooks]
    late: dict[str, str]
    left_out: dict[str, str]


def report_of(task: Task, issued: Issued) -> ForecastReport:
    """Raises ConfigError for a task that draws no page."""
    if task.outlook is None or task.event is None:
        raise ConfigError(f"task {task.name} has no page of a forecast; leave page= out")
    outlook = task.outlook(issued)
    places = [_place(issued, outlook.chance, outlook.shown, row) for row in range(len(issued.windows))]
    places.sort(key=lambda each: (-_highest(each), each.name))
    return ForecastReport(
        country=issued.panel.country,
        task=task.name,
        title=task.title(issued.settings),
        event=task.event(issued.settings)[0],
        unit=task.unit,
        model=issued.model,
        sent=issued.sent.isoformat(timespec="minutes"),
        as_of=str(issued.as_of),
        records_until=issued.origin,
        records_age=max(issued.age(issued.windows.origin.max()), 0),
        trained_until=str(issued.trained_until),
        model_age=issued.age(issued.trained_until),
        act=issued.cost_loss,
        played=issued.played,
        below=outlook.below,
        places=places,
        late=issued.late,
        left_out=dict(issued.left_out),
    )


def text(report: ForecastReport) -> str:
    """As JSON."""
    return json.dumps(asdict(report), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def certainty(chance: float | None, act: float) -> str:
    """The key of a word for a chance, as the Common Alerting Protocol has it; unlikely below what acting pays from."""
    if chance is None:
        return "unknown"
    return "likely" if chance > LIKELY else "possible" if chance >= act else "unlikely"


def warned(report: ForecastReport) -> list[tuple[Outlooks, Step]]:
    """Places and periods with a chance from which acting pays, the largest first."""
    pairs = [(place, step) for place in report.places for step in place.ahead]
    kept = [pair for pair in pairs if pair[1].chance is not None and pair[1].chance >= report.act]
    return sorted(kept, key=lambda pair: -(pair[1].chance or 0.0))


def dues(report: ForecastReport) -> dict[str, bool]:
    """Every period that is forecast for any place, in order -> whether it is ahead."""
    ahead = {step.due for place in report.places for step in place.ahead}
    return {due: due in ahead for due in sorted({step.due for place in report.places for step in place.steps})}


def _highest(place: Outlooks) -> float:
    return -1.0 if place.highest is None else place.highest.chance or 0.0


def _place(issued: Issued, chance: Array, shown: Array, row: int) -> Outlooks:
    windows, panel = issued.windows, issued.panel
    at, origin = int(windows.place[row]), windows.origin[row]
    past = panel.periods <= origin
    seen = panel.target[at, past][-PAST:]
    names = panel.static.get("name")
    return Outlooks(
        place=issued.place(row),
        name=issued.place(row) if names is None else str(names[at]),
        until=str(origin),
        age=issued.age(origin),
        steps=[_step(issued, chance, row, h) for h in np.flatnonzero(shown[row])],
        periods=[str(each) for each in panel.periods[past][-PAST:]],
        seen=[_known(value) for value in seen],
    )


def _step(issued: Issued, chance: Array, row: int, h: Any) -> Step:
    threshold = issued.windows.threshold
    quantiles: list[float] = []
    if issued.levels:
        quantiles = [float(each) for each in np.interp(BANDS, issued.levels, issued.forecast[row, h])]
    return Step(
        due=str(issued.windows.due[row, h]),
        coming=bool(issued.coming[row, h]),
        chance=_known(chance[row, h]),
        level=None if threshold is None else _known(threshold[row, h]),
        quantiles=quantiles,
    )


def _known(value: Any) -> float | None:
    return float(value) if isfinite(value) else None
