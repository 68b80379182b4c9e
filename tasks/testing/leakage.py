"""Nothing that became known after an origin may reach its inputs or a baseline."""

from typing import Any

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.testing.example import Check, Example, changed, equal
from tasks.time_step import STEPS


def check_nothing_after_an_origin_reaches_inputs_or_baselines(example: Example) -> None:
    """Origins in training may know the training periods of their country; after the first cut nothing is allowed."""
    for cut in (0, 1):
        for ahead in (0, 7, 13):
            calendar = example.settings.calendar
            _later_values_change_nothing(
                example, STEPS[calendar.step].after(np.asarray(calendar.cuts()[cut]), ahead)[()]
            )


def _later_values_change_nothing(example: Example, last: Any) -> None:
    task, settings = example.task, example.settings
    other = _other_values_after(example.panel, last)
    before, after = _up_to(example.windows, last), _up_to(task.windows(other, settings), last)
    assert len(before), f"no window has an origin up to {last}"
    equal(before.place, after.place, f"which windows exist up to {last} depends on later records")
    equal(before.origin, after.origin, f"which windows exist up to {last} depends on later records")
    for kind, one, two in (("input", before.inputs, after.inputs), ("restore", before.restore, after.restore)):
        for name, values in one.items():
            equal(values, two[name], f"{kind} {name} of origins up to {last} depends on later records")
    if before.threshold is not None:
        assert after.threshold is not None, "a threshold must not depend on the records"
        equal(before.threshold, after.threshold, f"the threshold of origins up to {last} depends on later records")
    for name, baseline in task.baselines.items():
        expected, forecast = baseline(example.panel, before, settings), baseline(other, after, settings)
        equal(expected, forecast, f"baseline {name} of origins up to {last} depends on later records")


def check_later_values_reach_later_windows(example: Example) -> None:
    """Guards the check above: later inputs and labels do change."""
    last = example.settings.calendar.cuts()[0]
    other = example.task.windows(_other_values_after(example.panel, last), example.settings)
    for windows in (example.windows, other):
        assert len(windows.only("test")), "no window in the test"
    one, two = example.windows.only("test"), other.only("test")
    assert not np.array_equal(one.observed, two.observed, equal_nan=True), "other records must give other labels"
    assert any(not np.array_equal(values, two.inputs[name]) for name, values in one.inputs.items()), (
        "other records must give other inputs"
    )


def check_nothing_changes_the_panel(example: Example) -> None:
    before = changed(example.panel, lambda _, values: values.copy())
    windows = example.task.windows(example.panel, example.settings)
    for baseline in example.task.baselines.values():
        baseline(example.panel, windows, example.settings)
    equal(example.panel.target, before.target, "windows or a baseline changed the target of the panel")
    for name, values in before.covariates.items():
        equal(example.panel.covariates[name], values, f"windows or a baseline changed {name} of the panel")


def _other_values_after(panel: Panel, last: np.datetime64) -> Panel:
    """Other values after `last`; covariates of a season stand at its harvest, so one period more of them is kept."""
    rng = np.random.default_rng(2)
    step = panel.periods[1] - panel.periods[0]

    def change(name: str, values: Array) -> Array:
        seasonal = name != "target" and panel.step == "month" and step > np.timedelta64(1, "M")
        later = np.broadcast_to(panel.periods > (last + step if seasonal else last), values.shape)
        known = values[np.isfinite(values)]
        if not len(known):
            return values
        missing = rng.random(values.shape) < 0.1
        return np.where(later, np.where(missing, np.nan, rng.choice(known, values.shape)), values)

    return changed(panel, change)


def _up_to(windows: Windows, last: np.datetime64) -> Windows:
    return windows.take(windows.origin <= last)


LEAKAGE_CHECKS: tuple[Check, ...] = (
    check_nothing_after_an_origin_reaches_inputs_or_baselines,
    check_later_values_reach_later_windows,
    check_nothing_changes_the_panel,
)
