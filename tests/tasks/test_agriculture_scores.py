"""Scores against another implementation, and baselines against arithmetic done by hand."""

from dataclasses import replace

import numpy as np
import pytest
import scoringrules
import torch

from tasks.agriculture import TASK
from tasks.agriculture.scores import SEVEN
from tasks.agriculture.settings import AgricultureSettings
from tasks.agriculture.windowing import width
from tasks.data import Panel, Windows
from tasks.evaluation.score import Evaluated, merge

LEVELS = np.array(TASK.levels)


def evaluated(seed: int, unit: float = 1.0) -> Evaluated:
    rng = np.random.default_rng(seed)
    observed = rng.gamma(4, 1, (60, 4))
    observed[rng.random(observed.shape) < 0.1] = np.nan
    return Evaluated(
        forecast=unit * np.sort(rng.gamma(4, 1, (60, 4, 23)), axis=-1),
        reference=unit * np.sort(rng.gamma(3, 1, (60, 4, 23)), axis=-1),
        observed=unit * observed,
        place=rng.integers(0, 5, 60),
        origin=np.datetime64("1980-12", "M") + 12 * rng.integers(0, 20, 60),
        unit=unit * rng.gamma(4, 1, 60),
    )


def test_pinball_and_wis_agree_with_scoringrules() -> None:
    case = evaluated(0)
    assert case.unit is not None
    unit = case.unit[:, None]
    at = [int(np.flatnonzero(level == LEVELS)[0]) for level in SEVEN]
    seven = scoringrules.crps_quantile(case.observed / unit, case.forecast[..., at] / unit[..., None], SEVEN) / 2
    every = scoringrules.crps_quantile(case.observed, case.forecast, LEVELS)
    expected = {"pinball": seven, "wis": every}
    for name, points in expected.items():
        estimate = TASK.scores[name].estimate(TASK.scores[name].sums(case))
        np.testing.assert_allclose(estimate.value, [*np.nanmean(points, axis=0), np.nanmean(points)], rtol=1e-9)
        np.testing.assert_array_equal(estimate.n[:4], np.isfinite(case.observed).sum(axis=0))


def test_relative_scores_do_not_depend_on_the_unit_and_sums_merge() -> None:
    parts = [evaluated(seed) for seed in range(3)]
    for name in ("pinball", "relative_pinball", "coverage_50", "coverage_90"):
        score = TASK.scores[name]
        tonnes = score.estimate(merge([score.sums(part) for part in parts]))
        kilograms = score.estimate(merge([score.sums(evaluated(seed, 1000.0)) for seed in range(3)]))
        np.testing.assert_allclose(tonnes.value, kilograms.value, rtol=1e-9)
        assert set(score.sums(parts[0])) - score.internal() == set(score.names)
    mine = TASK.scores["relative_pinball"]
    same = replace(parts[0], reference=parts[0].forecast)
    np.testing.assert_allclose(mine.estimate(mine.sums(same)).value, 1.0)


def record(values: list[list[float]]) -> tuple[Panel, Windows]:
    target = np.array(values)
    panel = Panel(
        country="LAO",
        periods=np.datetime64("1990-12", "M") + 12 * np.arange(target.shape[1]),
        places=("LAO/maize", "LAO/rice"),
        target=target,
        static={"crop": np.array([2, 0]), "planting_month": np.array([5, 6]), "harvest_month": np.array([9, 11])},
    )
    return panel, TASK.windows(panel, AgricultureSettings(weather=[]))


def test_baselines_say_at_the_median_what_they_are_called() -> None:
    rising = [2.0 + 0.1 * year for year in range(13)]
    panel, windows = record([rising, [4.0] * 13])
    last = windows.origin == panel.periods[-2]
    expected = {
        "five_year_mean": np.mean(rising[7:12]),
        "last_year": rising[11],
        "trend": rising[12],
        "location_mean": np.mean(rising[:12]),
    }
    for name, centre in expected.items():
        forecast = TASK.baselines[name](panel, windows.take(last), AgricultureSettings())
        assert forecast.shape == (2, 4, 23)
        assert (np.diff(forecast, axis=-1) >= 0).all()
        assert (forecast[:, :1] == forecast).all()
        # the steady place was never missed: its errors and the nine of a country without a past are centred on 0
        assert forecast[1, 0, 11] == pytest.approx(4.0, rel=0.02)
        low, high = forecast[0, 0, [0, -1]]
        assert low < centre < high
    trend = TASK.baselines["trend"](panel, windows.take(last), AgricultureSettings())
    assert trend[0, 0, 11] == pytest.approx(rising[12], rel=0.005)


def test_an_error_of_the_past_widens_every_baseline_and_the_last_harvest_moves_persistence() -> None:
    calm, wild = [3.0] * 13, [3.0, 3.0, 3.0, 3.0, 3.0, 1.0, 3.0, 5.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    panel, windows = record([calm, calm])
    other, same = record([wild, wild])
    last = windows.origin == panel.periods[-2]
    for baseline in TASK.baselines.values():
        one = baseline(panel, windows.take(last), AgricultureSettings())
        two = baseline(other, same.take(last), AgricultureSettings())
        assert np.ptp(two[0, 0]) > 1.5 * np.ptp(one[0, 0])


def test_an_untrained_model_starts_from_the_offset_and_no_window_is_no_trouble() -> None:
    settings = AgricultureSettings(weather=["rainfall"])
    model = TASK.build_model(settings, 1)
    with torch.no_grad():
        output = model({"features": torch.randn(5, 4, width(settings))}, None)
        assert model({"features": torch.zeros(0, 4, width(settings))}, None).shape == (0, 4, 23)
    torch.testing.assert_close(output[..., 11], torch.zeros(5, 4))
    assert output[0, 0, -1].item() == pytest.approx(2.326, abs=1e-3)


def test_a_forecast_depends_on_its_own_issue_date_alone() -> None:
    settings = AgricultureSettings()
    model = TASK.build_model(settings, 1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
        features = torch.randn(6, 4, width(settings), generator=generator)
        changed = features.clone()
        changed[:, 2:] += 1
        one, other = model({"features": features}, None), model({"features": changed}, None)
    torch.testing.assert_close(one[:, :2], other[:, :2], rtol=0, atol=0)
    assert (one[:, 2:] != other[:, 2:]).any()
