"""An issued forecast into the report of its page."""

from math import isfinite
from typing import Any

import numpy as np

from federation.errors import ConfigError
from federation.pages.forecast_report import ForecastReport, Outlooks, Step
from tasks.data import Array
from tasks.products.forecast import Issued
from tasks.task import Task

PAST = 36  # periods of the records that a chart shows
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)  # levels of the quantiles that are drawn


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
        title=_title(task, issued),
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
        step=issued.panel.step,
    )


def _title(task: Task, issued: Issued) -> str:
    """With the weather forecast that it rests on in the place of the mode of the run."""
    title = task.title(issued.settings)
    return title if issued.weather is None else f"{title.partition(' (')[0]} ({issued.weather.line})"


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
