"""Forecasts, baselines, scores and the oracle of a task."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tasks.data import Array, Windows
from tasks.evaluation.score import LARGEST, FinalScore, HistogramScore, Sums, estimates, merge
from tasks.gathered_windows import dense
from tasks.testing.example import Check, Example, equal, evaluated, outputs


def check_forecasts_are_finite_and_quantiles_rise(example: Example) -> None:
    for scale in (1.0, 1e6):  # also from a model that went astray
        forecast = example.task.forecast(scale * outputs(example, example.windows), example.windows)
        _is_a_forecast(example, forecast, "the model's forecast")


def check_baselines_forecast_the_shape_of_the_model(example: Example) -> None:
    for name, baseline in example.task.baselines.items():
        _is_a_forecast(example, baseline(example.panel, example.windows, example.settings), name)


def _is_a_forecast(example: Example, forecast: Array, name: str) -> None:
    shape = (len(example.windows), example.horizons, example.outputs)
    assert forecast.shape == shape, f"{name} has the shape {forecast.shape}, not {shape}"
    assert forecast.dtype == np.float64, f"{name} is {forecast.dtype}, not float64"
    assert np.isfinite(forecast).all(), f"{name} must be finite"
    if example.task.levels:
        assert (np.diff(forecast, axis=-1) >= 0).all(), f"the quantiles of {name} must rise"
    else:
        assert ((forecast >= 0) & (forecast <= 1)).all(), f"the probabilities of {name} must lie in 0 to 1"


def check_baseline_of_some_windows_is_part_of_all(example: Example) -> None:
    """No baseline borrows from the other windows that it is given."""
    rows = np.random.default_rng(1).permutation(len(example.windows))[:50]
    for name, baseline in example.task.baselines.items():
        whole = baseline(example.panel, example.windows, example.settings)
        some = baseline(example.panel, example.windows.take(rows), example.settings)
        np.testing.assert_allclose(some, whole[rows], err_msg=f"{name} depends on the other windows")


def check_sums_are_what_the_score_declares(example: Example) -> None:
    windows, forecast, reference = _of_the_test(example)
    for name, score in example.task.scores.items():
        sums = score.sums(evaluated(example, windows, forecast, reference))
        assert set(sums) - score.internal() == set(score.names), (
            f"{name} declares {set(score.names)} and gives {set(sums)}"
        )
        for part in score.magnitudes:
            assert (sums[f"{LARGEST}{part}"] <= sums[part]).all(), (
                f"the largest term of {part} of {name} is above its sum"
            )
        assert "count" in sums, f"{name} has no count"
        below = {part for part, values in sums.items() if (values < 0).any()}
        assert below <= set(score.signed), f"{name}: {below - set(score.signed)} are below 0; declare them as signed"
        for part, values in sums.items():
            assert (str(values.dtype), values.shape[0]) == ("float64", example.horizons + 1), f"{part} of {name}"
            assert np.isfinite(values).all(), f"{part} of {name} must be finite"
        reported = np.isfinite(windows.observed)
        if isinstance(score, FinalScore) and windows.threshold is not None:
            reported &= np.isfinite(windows.threshold)  # without a threshold nobody knows whether it was an event
        for number, estimate in estimates(name, score).items():
            result = estimate(sums)
            for values in (result.value, result.low, result.high, result.n):
                assert values.shape == (example.horizons + 1,), f"{name} must have a value a horizon and one for all"
            every = np.array([*reported.sum(axis=0), reported.sum()])
            if example.task.calibrate is not None and isinstance(score, FinalScore):  # of some situations alone
                assert (result.n <= every).all(), f"n of {name} is more than what was reported"
            else:
                equal(result.n, every, f"n of {name}")
            known = np.isfinite(result.value)
            assert known.all() or isinstance(score, FinalScore), f"{number} must be known at every horizon"
            if isinstance(score, HistogramScore):  # whole counts have no interval, see `tasks.evaluation.histograms`
                assert np.isnan([result.low, result.high]).all(), f"{name} comes from counts and has no interval"
                continue
            known &= np.isfinite(result.low)  # without a spread, as where no interval held anything, there is none
            assert (result.low[known] <= result.value[known]).all(), f"the interval of {name} must hold its value"
            assert (result.high[known] >= result.value[known]).all(), f"the interval of {name} must hold its value"


def check_scores_of_two_countries_lie_between_theirs(example: Example) -> None:
    windows, forecast, reference = _of_the_test(example)
    half = windows.place < len(windows.places) // 2
    for name, score in example.task.scores.items():
        if isinstance(
            score, HistogramScore
        ):  # ranks: two countries together also compare places of one with places of the other
            continue
        parts: list[Sums] = [
            score.sums(evaluated(example, windows.take(rows), forecast[rows], reference[rows]))
            for rows in (half, ~half)
        ]
        one, two = (score.estimate(part).value for part in parts)
        both = score.estimate(merge(parts)).value
        known = np.isfinite(one) & np.isfinite(two)
        for low, high in ((np.minimum(one, two), both), (both, np.maximum(one, two))):
            assert (high[known] >= low[known] - 1e-9).all(), f"{name} of two halves lies outside of theirs"


def check_unreported_targets_are_not_scored(example: Example) -> None:
    windows, forecast, reference = _of_the_test(example)
    missing = np.random.default_rng(1).random(windows.observed.shape) < 0.3
    absurd = np.where(missing[..., None], 0.999, forecast)
    masked = replace(dense(windows), observed=np.where(missing, np.nan, windows.observed))
    for name, score in example.task.scores.items():
        expected, value = (
            score.estimate(score.sums(evaluated(example, masked, each, reference))).value for each in (forecast, absurd)
        )
        equal(value, expected, f"{name} depends on forecasts of periods that nobody reported")


def check_no_baseline_beats_the_oracle(example: Example) -> None:
    windows, headline = example.windows, next(iter(example.task.scores.values()))
    oracle = example.task.oracle(example.folder, windows, example.settings)
    assert oracle is not None, "a synthetic country needs an oracle"
    reference = example.task.baselines[example.task.reference](example.panel, windows, example.settings)

    def value(forecast: Array) -> float:
        score = headline.estimate(headline.sums(evaluated(example, windows, forecast, reference))).value[-1]
        return float(score if headline.better == "smaller" else -score)

    for name, baseline in example.task.baselines.items():
        forecast = baseline(example.panel, windows, example.settings)
        assert value(oracle) < value(forecast), f"baseline {name} beats the oracle, which knows the truth"


def check_real_records_have_no_oracle(example: Example) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / example.task.file).write_bytes((example.folder / example.task.file).read_bytes())
        oracle = example.task.oracle(Path(folder), example.windows, example.settings)
    assert oracle is None, "records without their truth are real and have no oracle"


def _of_the_test(example: Example) -> tuple[Windows, Array, Array]:
    """Windows of the test with a forecast and the reference."""
    windows = example.windows.only("test")
    reference = example.task.baselines[example.task.reference](example.panel, windows, example.settings)
    return windows, example.task.forecast(outputs(example, windows), windows), reference


FORECAST_MODEL_CHECKS: tuple[Check, ...] = (check_forecasts_are_finite_and_quantiles_rise,)
FORECAST_CHECKS: tuple[Check, ...] = (
    check_baselines_forecast_the_shape_of_the_model,
    check_baseline_of_some_windows_is_part_of_all,
    check_sums_are_what_the_score_declares,
    check_scores_of_two_countries_lie_between_theirs,
    check_unreported_targets_are_not_scored,
    check_no_baseline_beats_the_oracle,
    check_real_records_have_no_oracle,
)
