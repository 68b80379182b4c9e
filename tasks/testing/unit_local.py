"""Under the settings that a task declares as `unit_local`, the records of a place reach no window of another place.

What hides one place behind noise rests on this: the noise is as large as what one place can change.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.task import Task
from tasks.testing.example import Check, Example, changed, equal

PLACES = 4  # of which each has all its records changed, three times
HUGE = 1e6  # times what was reported


def check_places_do_not_reach_one_another(example: Example) -> None:
    """Nothing to check of a task that declares no such settings; it is refused under differential privacy."""
    if example.task.unit_local:
        unit_local(example.task, example.panel, example.settings)


def unit_local(task: Task, panel: Panel, settings: Any) -> None:
    """Raise AssertionError if other records of one place change a window of another, or none of its own."""
    chosen = replace(settings, **task.unit_local)
    before = task.windows(panel, chosen)
    for place in _spread_out(len(panel.places)):
        for other in _other_records(panel, place):
            after = task.windows(other, chosen)
            _same(before.take(before.place != place), after.take(after.place != place), panel.places[place])
        own, emptied = before.take(before.place == place), after.take(after.place == place)
        assert len(own) != len(emptied) or not len(own), f"{panel.places[place]} without records keeps its windows"


def _spread_out(places: int) -> list[int]:
    """PLACES of them, the first and the last included."""
    return sorted({int(each) for each in np.linspace(0, places - 1, PLACES).round()})


def _other_records(panel: Panel, place: int) -> Iterator[Panel]:
    """All records of the place as another might have them: shuffled, huge, and none at all."""
    rng = np.random.default_rng(place)

    def only_there(values: Array, new: Array) -> Array:
        there = np.arange(len(values)) == place
        return np.where(there[:, None], new, values)

    yield changed(panel, lambda _, values: only_there(values, rng.permuted(values, axis=1)))
    yield changed(panel, lambda _, values: only_there(values, values * HUGE))
    yield changed(panel, lambda _, values: only_there(values, np.full_like(values, np.nan)))


def _same(before: Windows, after: Windows, place: str) -> None:
    what = f"of another place depends on the records of {place}"
    for name in ("place", "origin", "due", "part", "target", "observed"):
        equal(getattr(before, name), getattr(after, name), f"{name} {what}")
    for kind in ("inputs", "restore"):
        for name, values in getattr(before, kind).items():
            equal(values, getattr(after, kind)[name], f"{kind} {name} {what}")
    if before.threshold is not None and after.threshold is not None:
        equal(before.threshold, after.threshold, f"threshold {what}")


UNIT_CHECKS: tuple[Check, ...] = (check_places_do_not_reach_one_another,)
