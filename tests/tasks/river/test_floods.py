"""Floods of rivers: what is one, when it is scored, chances and their calibration, small counts, and the alert."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from tasks.data import Panel
from tasks.evaluation.score import Evaluated
from tasks.river import TASK
from tasks.river.floods.calibrating import calibrate, event
from tasks.river.floods.chances import START, calibrated, chance, nearest, scores
from tasks.river.floods.events import CALM, LEVEL, USUAL, crossed, quiet
from tasks.river.floods.levels import gumbel, levels, none_because
from tasks.river.floods.scores import SCORES
from tasks.river.settings import LEADS, LEVELS, RiverSettings
from tasks.settings import Calendar
from tests.tasks.products.forecasting import issue

CALENDAR = Calendar(train_until="2013-12", validate_until="2016-12", test_until="2018-12", step="day")
SETTINGS = RiverSettings(calendar=CALENDAR, every=1)
NAN = np.nan


@pytest.fixture(scope="module")
def panel(folder: Path) -> Panel:
    return TASK.read(folder, "LAO", SETTINGS)


def test_a_level_is_of_ten_hydrological_years_of_training_and_of_no_later_day(panel: Panel) -> None:
    drawn = -3 * np.log(-np.log(np.random.default_rng(1).random(20_000))) + 10
    assert gumbel(drawn, 5) == pytest.approx(10 - 3 * np.log(-np.log(0.8)), rel=0.01)
    found = levels(panel, SETTINGS)
    assert np.isfinite(found[:, 0]).all()
    assert np.isnan(found[:, 1]).all()  # 2003 to 2013 are eleven hydrological years, and twenty are needed
    assert "2 of 2 gauges have no 5-year level, which needs 20" in none_because(panel, SETTINGS)
    poisoned = panel.target.copy()
    poisoned[:, panel.periods > CALENDAR.cuts()[0]] *= 100
    np.testing.assert_array_equal(levels(replace(panel, target=poisoned), SETTINGS), found)
    early = replace(CALENDAR, train_until="2011-12")
    assert np.isnan(levels(panel, replace(SETTINGS, calendar=early))).all()  # nine


def test_a_flood_is_the_first_crossing_and_new_after_seven_quiet_days_alone() -> None:
    days = np.array([[1, 1, 9, 1, 1, 1, 1], [1, NAN, 9, 1, 1, 1, 1], [1, 9, NAN, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, NAN]])
    expected = np.array(
        [[0, 0, 1, 1, 1, 1, 1], [0, NAN, NAN, NAN, NAN, NAN, NAN], [0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, NAN]]
    )
    np.testing.assert_array_equal(crossed(days, np.full(4, 5.0)), expected)
    assert np.isnan(crossed(days, np.full(4, NAN))).all()
    flow = np.ones((1, 30))
    flow[0, 10], flow[0, 20] = 9, NAN
    periods = np.datetime64("2000-01-01") + np.arange(30)
    calm = quiet(Panel(country="LAO", periods=periods, places=("a",), target=flow, step="day"), np.array([5.0]))
    assert np.flatnonzero(calm).tolist() == [6, 7, 8, 9, 17, 18, 19, 27, 28, 29]


def test_chances_say_what_quantiles_say_and_go_on_beyond_them() -> None:
    normal = np.array([[3.0], [5.0]]) + np.linspace(-1, 1, len(LEVELS))  # roots
    forecast = np.repeat(np.square(normal)[:, None], LEADS, axis=1)
    forecast[0, 3] *= 2  # the likeliest day
    for at, level in ((LEVELS.index(0.5), 0.5), (LEVELS.index(0.9), 0.1)):
        said = chance(nearest(forecast[1:], forecast[1:, 0, at]), np.zeros((1, LEADS)), None)
        np.testing.assert_allclose(said, level, atol=1e-9)
    beyond = [float(scores(forecast[:1], np.array([level]))[0, 0]) for level in (17.0, 20.0, 30.0)]
    assert 1.96 < beyond[0] < beyond[1] < beyond[2]
    by_day = nearest(forecast[:1], np.array([20.0]))[0]
    assert by_day[2] > by_day[3] == by_day[6]
    steady = chance(by_day[None], np.full((1, LEADS), 0.02), np.array([0.0, 2.0, -5.0, 0.5]))
    assert (np.diff(steady) >= 0).all()  # whatever a regression says, a flood by day 3 is one by day 4


def of_test(panel: Panel, folder: Path, part: str) -> Evaluated:
    """The oracle's forecasts with much too narrow quantiles."""
    windows = TASK.windows(panel, SETTINGS).only(part)  # type: ignore[arg-type]
    best = TASK.oracle(folder, windows, replace(SETTINGS, mode="perfect_weather"))
    assert best is not None
    restore, observed = windows.restore, windows.observed
    level = np.quantile(panel.target[np.isfinite(panel.target)], 0.97)  # so that there are floods enough
    restore[LEVEL][:, 0], restore[CALM][:] = level, 1.0
    restore[USUAL][:, 0] = np.nanmean(crossed(observed, restore[LEVEL][:, 0]), axis=0)
    noise = np.exp(0.4 * np.random.default_rng(1).standard_normal((len(windows), 1, 1)))
    return Evaluated(
        forecast=best * noise,
        reference=best,
        observed=observed,
        place=windows.place,
        origin=windows.origin,
        step="day",
        restore=restore,
        settings=SETTINGS,
    )


def test_calibration_on_validation_years_makes_too_sure_chances_honest(panel: Panel, folder: Path) -> None:
    past, then = (of_test(panel, folder, part) for part in ("validation", "test"))
    skill = SCORES["flood_2y_brier_skill"]
    sure = skill.estimate(skill.sums(then)).value
    learnt = skill.estimate(skill.sums(replace(then, calibration=calibrate(past)))).value
    assert (learnt > sure + 0.03).all()
    said, usual, happened = event(2)(replace(then, calibration=calibrate(past)))
    for lead in (0, 6):
        assert said[:, lead].mean() == pytest.approx(np.nanmean(happened[:, lead]), rel=0.35)
    blind = calibrated(np.random.default_rng(2).normal(2, 1, happened.shape), usual, happened)
    assert blind[1] < START[1] / 2  # noise teaches not to trust it


def test_a_few_floods_more_than_at_the_lead_before_stay_at_home() -> None:
    rng, count = np.random.default_rng(4), 400
    observed = np.ones((count, LEADS))
    for day, many in enumerate((20, 3, 4, 0, 30, 0, 0)):  # floods that begin on it
        rows = rng.choice(np.flatnonzero(observed.max(axis=1) < 5), many, replace=False)
        observed[rows, day:] = 9
    restore = {LEVEL: np.tile([5.0, 0.0], (count, 1)), CALM: np.ones(count), USUAL: np.full((count, 2, LEADS), 0.05)}
    forecast = observed[..., None] * np.linspace(0.5, 1.5, len(LEVELS))
    case = Evaluated(
        forecast=forecast,
        reference=forecast,
        observed=observed,
        place=rng.integers(0, 9, count),
        origin=np.datetime64("2010-01-01") + np.arange(count),
        step="day",
        restore=restore,
        settings=SETTINGS,
    )
    sums = {name: SCORES[name].sums(case) for name in ("flood_2y_auc", "flood_2y_action_f1", "flood_2y_hours_of_lead")}
    withheld = [0, 1, 0, 0, 0, 0, 0]  # 23 are 3 more than 20; 27 are 7 more than what was shown last
    for name, each in sums.items():
        assert (each["small_count"][:-1] > 0).astype(int).tolist() == withheld, name
    hours = SCORES["flood_2y_hours_of_lead"].estimate(sums["flood_2y_hours_of_lead"]).value
    assert hours[6] == pytest.approx((20 * 0 + 3 * 24 + 4 * 48 + 30 * 96) / 57)
    for name in ("precision", "recall", "f1"):
        estimate = SCORES["flood_2y_auc"].derived[f"flood_2y_{name}"].estimate
        np.testing.assert_allclose(estimate(sums["flood_2y_auc"]).value[:-1], 1.0)


def test_an_alert_names_gauges_from_the_rule_on_with_return_period_and_lead(tmp_path: Path, folder: Path) -> None:
    quiet_now = replace(issue(TASK, folder, "LAO", settings=SETTINGS), cost_loss=0.7)
    level = levels(quiet_now.panel, SETTINGS)[:, 0]
    forecast = np.tile(np.linspace(0.5, 0.9, len(LEVELS)), (2, LEADS, 1)) * level[:, None, None]
    forecast[0, 1] *= 3  # on the second day, over the level for certain
    forecast[1, 5] *= 3  # later than anybody acts
    issued = replace(quiet_now, forecast=forecast)
    text = TASK.products["cap"](issued).text
    assert text is not None
    names = {each.tag.rpartition("}")[2]: each.text for each in ET.fromstring(text).iter()}
    values = [each.text for each in ET.fromstring(text).iter() if each.tag.endswith("}value")]
    assert names["event"] == "Flood"
    assert "2 years" in values
    assert "2 d" in values
    assert "LAO-1" in values
    assert "LAO-2" not in values
    table = TASK.products["table"](issued).text
    (tmp_path / "table.csv").write_text(table or "")
    rows = pd.read_csv(tmp_path / "table.csv")
    assert rows.loc[rows["warned"] == 1, ["gauge_id", "lead"]].to_numpy().tolist() == [["LAO-1", 2], ["LAO-1", 3]]
    assert rows["flood_probability_5y"].isna().all()
    assert "no 5-year level" in TASK.products["table"](issued).summary


def test_levels_of_a_record_that_is_too_short_are_none_and_nothing_is_scored(tmp_path: Path) -> None:
    short = RiverSettings(
        calendar=replace(CALENDAR, train_until="2004-12", validate_until="2005-12", test_until="2006-12")
    )
    issued = issue(TASK, tmp_path, "LAO", settings=short)
    product = TASK.products["cap"](issued)
    assert product.text is None
    assert "too short to define a flood" in product.summary
    windows = TASK.windows(issued.panel, short)
    assert not windows.restore[LEVEL].any()
