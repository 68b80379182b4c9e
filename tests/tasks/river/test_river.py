"""Rivers: snow, the two modes, baselines, scores of single gauges, and a model that learns what the generator holds."""

from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tasks.data import Panel
from tasks.errors import SettingError
from tasks.evaluation.score import Evaluated
from tasks.river import TASK
from tasks.river.baselines import climatology, recession
from tasks.river.scores import SCORES, crps, kge, nse
from tasks.river.settings import LEADS, LEVELS, RiverSettings
from tasks.river.snow import melt
from tasks.river.windowing import ungauged, windows
from tasks.settings import Calendar
from tasks.testing.example import tensors
from tests.tasks.products.forecasting import issue

CALENDAR = Calendar(train_until="2008-12", validate_until="2009-12", test_until="2011-12", step="day")
SETTINGS = RiverSettings(calendar=CALENDAR, every=3)


@pytest.fixture(scope="module")
def panel(folder: Path) -> Panel:
    return TASK.read(folder, "LAO", SETTINGS)


def test_no_water_is_lost_in_snow() -> None:
    rng = np.random.default_rng(1)
    rain, warmth = rng.exponential(5, (2, 400)), rng.normal(0, 8, (2, 400))
    snow, water = melt(rain, warmth, np.array([[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(rain.sum(axis=1), water.sum(axis=1) + snow[:, -1].mean(axis=1), rtol=1e-5)
    assert snow[0, -1, 2] > snow[0, -1, 0]  # the higher band is colder
    rained, held = rain.copy(), warmth.copy()
    rained[:, 300:], held[:, 300:] = 0, 40
    np.testing.assert_array_equal(
        melt(rained, held, np.zeros((2, 1)))[0][:, :300], melt(rain, warmth, np.zeros((2, 1)))[0][:, :300]
    )


def inputs(panel: Panel, mode: str, later: float) -> Mapping[str, np.ndarray]:
    """Of the first origin of the test, with so much rain on the day after it; before, a recession learns from it."""
    rain = panel.covariates["precipitation"].copy()
    rain[:, np.flatnonzero(panel.periods == windows(panel, SETTINGS).only("test").origin[0]) + 1] = later
    other = replace(panel, covariates={**panel.covariates, "precipitation": rain})
    return windows(other, replace(SETTINGS, mode=mode)).only("test").take(np.array([0])).inputs


def test_the_weather_ahead_is_known_in_perfect_weather_alone(panel: Panel) -> None:
    dry, wet = (inputs(panel, "issued", rain) for rain in (0, 90))
    assert "ahead" not in dry
    for name, values in dry.items():
        np.testing.assert_array_equal(values, wet[name])
    dry, wet = (inputs(panel, "perfect_weather", rain) for rain in (0, 90))
    changed = {name for name, values in dry.items() if not np.array_equal(values, wet[name])}
    assert changed == {"ahead", "expected"}
    assert (dry["ahead"] != wet["ahead"])[0, 0].any()  # the first day's rain


def test_a_hidden_gauge_says_nothing(panel: Panel) -> None:
    """Other flow changes neither what is seen nor where a forecast starts; nothing is hidden after training."""
    settings = replace(SETTINGS, hide_every=10)
    other = replace(panel, target=3 * panel.target**1.5)
    one, two = (ungauged(each, settings) for each in (panel, other))
    for kind in ("inputs", "restore"):
        for name, values in getattr(one, kind).items():
            np.testing.assert_array_equal(values, getattr(two, kind)[name], err_msg=name)
    assert np.nanmax(np.abs(one.target - two.target)) > 1
    every, read = windows(panel, settings), windows(panel, SETTINGS)
    hidden = every.take(np.arange(len(read), len(every)))
    assert (hidden.part == "train").all()
    assert not hidden.batch(slice(None))[0]["flow_days"].any()
    assert 0.08 < len(hidden) / len(every.only("train")) < 0.1
    np.testing.assert_allclose(TASK.forecast(hidden.target[..., None], hidden)[..., 0], hidden.observed, rtol=1e-4)


def test_every_table_says_which_mode_it_is_of() -> None:
    said = {mode: TASK.title(RiverSettings(mode=mode)) for mode in ("issued", "perfect_weather")}
    assert "issued, nothing known after the day" in said["issued"]
    assert "no forecast" in said["perfect_weather"]
    with pytest.raises(SettingError, match=r"task\.mode is 'perfect'; choose issued or perfect_weather"):
        RiverSettings(mode="perfect").check()


def test_perfect_weather_makes_no_product(tmp_path: Path) -> None:
    issued = issue(TASK, tmp_path, "LAO", settings=SETTINGS)
    text = TASK.products["table"](issued).text
    assert text is not None
    table = pd.read_csv(StringIO(text))
    assert len(table) == 2 * LEADS
    assert (table["q0.025"] <= table["q0.975"]).all()
    assert table["date"].min() == "2012-01-01"  # the day after the last on record
    with pytest.raises(SettingError, match=r"choose a run with task\.mode=issued"):
        TASK.products["table"](replace(issued, settings=replace(SETTINGS, mode="perfect_weather")))


def test_a_river_of_recession_and_rain_is_forecast_by_the_linear_baseline(panel: Panel) -> None:
    """Root of tomorrow's flow: .8 of today's and .2 of that of today's rain."""
    rain = panel.covariates["precipitation"]
    warm = {**panel.covariates, "temperature": np.full_like(rain, 15)}
    root = np.ones_like(rain)
    for day in range(1, rain.shape[1]):
        root[:, day] = 0.8 * root[:, day - 1] + 0.2 * np.sqrt(rain[:, day - 1])
    other = replace(panel, target=root**2, covariates=warm)
    some = windows(other, SETTINGS).only("test")
    middle = recession(other, some, SETTINGS)[..., LEVELS.index(0.5)]
    np.testing.assert_allclose(middle[:, 0], some.observed[:, 0], rtol=0.01)
    assert np.ptp(climatology(other, some, SETTINGS), axis=-1).min() > 0.1  # which does not know when it rained
    at = np.searchsorted(other.periods, some.due)
    np.testing.assert_array_equal(some.observed, other.target[some.place[:, None], at])
    np.testing.assert_array_equal(some.due, some.origin[:, None] + np.arange(1, LEADS + 1))


def test_scores_of_a_gauge_by_hand() -> None:
    rng = np.random.default_rng(2)
    happened = rng.gamma(2, 1, (50, 1))
    assert nse(happened, happened) == pytest.approx(1)
    assert nse(np.full_like(happened, happened.mean()), happened) == pytest.approx(0)
    assert kge(happened, happened) == pytest.approx(1)
    assert kge(2 * happened, happened) == pytest.approx(0)  # mean twice as large, the rest as it was
    assert kge(happened + happened.mean(), happened) == pytest.approx(1 - np.sqrt(1 + 0.25))  # and half the variation


def test_a_gauge_counts_once_and_at_least_as_minus_one() -> None:
    rng = np.random.default_rng(3)
    happened = rng.gamma(2, 1, (120, LEADS))
    said = np.repeat(happened[..., None], len(LEVELS), axis=-1)
    said[80:] += 1e3  # the second gauge, with half as many days, is nonsense
    place = np.repeat([0, 1], [80, 40])
    origin = np.datetime64("2010-01-01") + np.arange(120)
    case = Evaluated(forecast=said, reference=said, observed=happened, place=place, origin=origin, step="day")
    for name in ("nse", "kge"):
        estimate = SCORES[name].estimate(SCORES[name].sums(case))
        np.testing.assert_allclose(estimate.value, 0, atol=1e-9)  # of 1 and -1
        between = SCORES[name].derived[f"{name}_median"].estimate(SCORES[name].sums(case))
        np.testing.assert_allclose(between.value, 0, atol=1e-9)
        halves = [SCORES[name].totals(case.take(place == each)) for each in (0, 1)]
        whole = SCORES[name].totals(case)
        for part, values in whole.items():
            np.testing.assert_allclose(halves[0][part] + halves[1][part], values, atol=1e-9)


def test_the_median_of_gauges_is_no_mean() -> None:
    """Three gauges of which one is nonsense: it is that of the middle one."""
    rng = np.random.default_rng(4)
    happened = rng.gamma(2, 1, (120, LEADS))
    off = happened + np.repeat([0.0, 0.3, 1e3], 40)[:, None] * rng.standard_normal((120, LEADS))
    said = np.repeat(off[..., None], len(LEVELS), axis=-1)
    place, origin = np.repeat([0, 1, 2], 40), np.datetime64("2010-01-01") + np.arange(120)
    case = Evaluated(forecast=said, reference=said, observed=happened, place=place, origin=origin, step="day")
    median = SCORES["nse"].derived["nse_median"].estimate(SCORES["nse"].sums(case)).value
    np.testing.assert_allclose(median[:LEADS], nse(off[40:80], happened[40:80]), atol=0.002)


def test_what_is_trained_comes_within_a_tenth_of_the_oracle(folder: Path, panel: Panel) -> None:
    daily = replace(panel, static={**panel.static, "every": np.ones(2, int)})
    train, test = windows(daily, SETTINGS).only("train"), windows(panel, SETTINGS).only("test")
    model, rows = TASK.build_model(SETTINGS, 1), np.random.default_rng(1).integers(0, len(train), (120, 256))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    for batch in rows:  # few: it learns single showers by heart soon
        optimizer.zero_grad()
        output = model(tensors(train.take(batch)))
        TASK.loss(output, torch.from_numpy(train.take(batch).target)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        forecast = TASK.forecast(model(tensors(test)).numpy(), test)
    best = TASK.oracle(folder, test, SETTINGS)
    assert best is not None
    learnt, least = (float(np.nanmean(crps(each, test.observed))) for each in (forecast, best))
    assert least < learnt < 1.1 * least
