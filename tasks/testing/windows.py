"""Windows: their shapes, their parts, and what becomes of short records and missing values."""

from dataclasses import replace
from functools import partial

import numpy as np

from tasks.data import Array, Panel
from tasks.testing.example import COUNTRY, Check, Example, changed, equal, evaluated, outputs
from tasks.time_step import STEPS


def check_windows_have_shapes_and_types_of_the_contract(example: Example) -> None:
    windows, rows = example.windows, len(example.windows)
    date = str(STEPS[example.settings.calendar.step].dtype)
    assert rows > 0, "the synthetic country gives no window"
    assert windows.country == COUNTRY, f"the windows' country is {windows.country!r}"
    assert windows.places == example.panel.places, "places must be the panel's"
    by_row = {"input": ("float32", windows.inputs), "restore": ("float64", windows.restore)}
    for kind, (dtype, arrays) in by_row.items():
        for name, values in arrays.items():
            described = f"{kind} {name}"
            assert (str(values.dtype), len(values)) == (dtype, rows), f"{described}: {values.dtype}, {len(values)} rows"
            assert np.isfinite(values).all(), f"{described} must be finite"
    _is(windows.target, "float32", (rows, example.horizons), "target")
    _is(windows.observed, "float64", (rows, example.horizons), "observed")
    _is(windows.place, "int64", (rows,), "place")
    _is(windows.origin, date, (rows,), "origin")
    _is(windows.due, date, (rows, example.horizons), "due")
    assert windows.place.min() >= 0, "place must be an index into places"
    assert windows.place.max() < len(windows.places), "place must be an index into places"
    equal(np.isfinite(windows.target), np.isfinite(windows.observed), "target and observed must be NaN together")
    if windows.threshold is not None:
        _is(windows.threshold, "float64", (rows, example.horizons), "threshold")
        assert np.isfinite(windows.threshold).mean() > 0.5, "most windows need a threshold"


def _is(values: Array, dtype: str, shape: tuple[int, ...], name: str) -> None:
    assert (str(values.dtype), values.shape) == (dtype, shape), f"{name} is {values.dtype} of shape {values.shape}"


def check_parts_follow_the_calendar(example: Example) -> None:
    windows, cuts = example.windows, example.settings.calendar.cuts()
    assert (windows.due > windows.origin[:, None]).all(), "every period due must lie after its origin"
    ends = {"train": (None, cuts[0]), "validation": (cuts[0], cuts[1]), "test": (cuts[1], cuts[2])}
    for part, (after, until) in ends.items():
        due = windows.due[windows.part == part]
        assert len(due), f"the synthetic country has no window in {part}"
        assert (due <= until).all(), f"{part} holds periods after {until}"
        assert after is None or (due > after).all(), f"{part} holds periods up to {after}"
    unused = windows.due[windows.part == ""]
    assert all(
        len({int(np.searchsorted(cuts, month)) for month in due}) > 1 or due.max() > cuts[2] for due in unused
    ), "only windows that straddle a cut or lie after the last one may have no part"


def check_place_and_origin_give_one_window(example: Example) -> None:
    pairs = list(zip(example.windows.place, example.windows.origin, strict=True))
    assert len(set(pairs)) == len(pairs), "two windows have the same place and origin"


def check_windows_without_a_row_pass_everywhere(example: Example) -> None:
    task, settings = example.task, example.settings
    unreported = task.windows(changed(example.panel, lambda _, values: np.full_like(values, np.nan)), settings)
    for windows in (unreported, example.windows.take(np.zeros(len(example.windows), bool))):
        assert len(windows) == 0, "a panel without a value gives no window"
        shapes = {name: values.shape[1:] for name, values in windows.inputs.items()}
        expected = {name: values.shape[1:] for name, values in example.windows.inputs.items()}
        assert shapes == expected, f"inputs of no row have the shapes {shapes}, not {expected}"
        shape = (0, example.horizons, example.outputs)
        output = outputs(example, windows)
        assert output.shape == shape, f"the model gives {output.shape} for no row"
        forecast = task.forecast(output, windows)
        assert forecast.shape == shape, f"forecast gives {forecast.shape} for no row"
        for name, baseline in task.baselines.items():
            assert baseline(example.panel, windows, settings).shape == shape, f"{name} must forecast no row"
        for name, score in task.scores.items():
            estimate = score.estimate(score.sums(evaluated(example, windows, forecast, forecast)))
            assert np.isnan(estimate.value).all(), f"{name} of no row must be NaN"
            assert not estimate.n.any(), f"{name} counts rows where there are none"


def check_missing_periods_leave_every_input_finite(example: Example) -> None:
    for share in (0.1, 0.6):
        rng = np.random.default_rng(1)
        panel = changed(example.panel, partial(_thinned, rng, share))
        windows = example.task.windows(panel, example.settings)
        for name, values in {**windows.inputs, **windows.restore}.items():
            assert np.isfinite(values).all(), f"{name} must be finite where {share:.0%} of the records are missing"
        _forecasts_are_finite(example, panel, f"{share:.0%} of the records missing")


def check_short_record_is_no_error(example: Example) -> None:
    """The first or the last two years alone: nothing but training periods, or none of them."""
    for part, name in ((slice(0, 24), "first"), (slice(-24, None), "last")):
        panel = changed(example.panel, partial(_cut, part))
        panel = replace(panel, periods=example.panel.periods[part])
        _forecasts_are_finite(example, panel, f"the {name} 24 periods alone")


def _thinned(rng: np.random.Generator, share: float, _: str, values: Array) -> Array:
    return np.where(rng.random(values.shape) < share, np.nan, values)


def _cut(part: slice, _: str, values: Array) -> Array:
    return values[:, part]


def _forecasts_are_finite(example: Example, panel: Panel, case: str) -> None:
    windows = example.task.windows(panel, example.settings)
    forecast = example.task.forecast(outputs(example, windows), windows)
    assert np.isfinite(forecast).all(), f"the model's forecast must be finite with {case}"
    for name, baseline in example.task.baselines.items():
        assert np.isfinite(baseline(panel, windows, example.settings)).all(), f"{name} must be finite with {case}"


WINDOW_CHECKS: tuple[Check, ...] = (
    check_windows_have_shapes_and_types_of_the_contract,
    check_parts_follow_the_calendar,
    check_place_and_origin_give_one_window,
    check_missing_periods_leave_every_input_finite,
    check_short_record_is_no_error,
)
WINDOW_MODEL_CHECKS: tuple[Check, ...] = (check_windows_without_a_row_pass_everywhere,)
