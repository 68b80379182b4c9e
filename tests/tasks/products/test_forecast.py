"""The newest forecast: what it knows ends with the records, and what it says is what the same origin said later."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.agriculture.records import read_panel, read_upcoming
from tasks.agriculture.settings import AgricultureSettings
from tasks.health.cutting import FEW
from tasks.health.outbreaks import thresholds
from tasks.registry import TASKS
from tasks.task import Task
from tests.tasks.products.forecasting import forecast, issue

COLUMN = {"agriculture": "harvest_year", "river": "date"}  # of the period, where it is not time_period
CUT = {
    "health": "2007-08",
    "health_weekly": "2018-08-18",
    "disaster": "2012-08",
    "agriculture": 2010,
    "prices": "2018-08",
    "river": "2014-08-28",
}


def cut(source: Path, target: Path, task: Task) -> Path:
    """A copy of a country's folder whose records end earlier; the weather of the harvests goes on."""
    shutil.copytree(source, target)
    table = pd.read_csv(source / task.file, dtype={"time_period": str})
    table[table[COLUMN.get(task.name, "time_period")] <= CUT[task.name]].to_csv(target / task.file, index=False)
    return target


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_it_says_what_the_same_origin_said_when_the_records_went_on(task: Task, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = issue(task, tmp_path / "whole")
    early = issue(task, cut(tmp_path / "whole", tmp_path / "early", task))
    assert str(early.origin).startswith(str(CUT[task.name]))
    panel = task.read(tmp_path / "whole", "VNM", whole.settings)
    windows = task.windows(panel, whole.settings)
    same = windows.take(windows.origin == early.windows.origin[0])
    np.testing.assert_array_equal(same.place, early.windows.place)
    np.testing.assert_array_equal(same.due, early.windows.due)
    np.testing.assert_allclose(forecast(task, whole.settings, same), early.forecast, rtol=1e-12)
    for name, values in same.inputs.items():
        np.testing.assert_array_equal(values, early.windows.inputs[name])


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_what_is_forecast_has_not_been_observed(task: Task, tmp_path: Path) -> None:
    issued = issue(task, tmp_path)
    assert np.isnan(issued.windows.observed).all()
    assert (issued.windows.due > issued.windows.origin[:, None]).all()
    assert np.isfinite(issued.forecast).all()
    assert issued.forecast.shape == (len(issued.windows), len(task.horizons(issued.settings)), max(len(task.levels), 1))


def test_the_coming_harvest_is_one_more_and_changes_none_before(tmp_path: Path) -> None:
    task, settings = TASKS["agriculture"], AgricultureSettings()
    issue(task, tmp_path)
    known, coming = read_panel(tmp_path, "VNM", settings), read_upcoming(tmp_path, "VNM", settings)
    np.testing.assert_array_equal(coming.periods[:-1], known.periods)
    assert coming.periods[-1] - known.periods[-1] == np.timedelta64(12, "M")
    np.testing.assert_array_equal(coming.target[:, :-1], known.target)
    assert np.isnan(coming.target[:, -1]).all()
    for name, values in known.covariates.items():
        np.testing.assert_array_equal(coming.covariates[name][:, :-1], values)


def stages(tmp_path: Path, until: str) -> pd.DataFrame:
    """The table of yields where the weather is on record until a month; a season of the calendar year, and one of June
    to May."""
    task = TASKS["agriculture"]
    tmp_path.mkdir()
    issue(task, tmp_path)  # writes the records
    file, weather = tmp_path / "agriculture.csv", tmp_path / "agriculture_weather.csv"
    table = pd.read_csv(file)
    table = table[(table["harvest_year"] <= 2010) & table["crop_name"].isin(["rice", "maize"])]
    season = {"rice": (1, 12), "maize": (6, 5)}
    table["planting_month"] = [season[crop][0] for crop in table["crop_name"]]
    table["harvest_month"] = [season[crop][1] for crop in table["crop_name"]]
    table.to_csv(file, index=False)
    months = pd.read_csv(weather, dtype={"time_period": str})
    months[months["time_period"] <= until].to_csv(weather, index=False)
    issued = issue(task, tmp_path)
    product = task.products["table"](issued)
    assert product.text is not None
    (tmp_path / "table.csv").write_text(product.text)
    return pd.read_csv(tmp_path / "table.csv").set_index("crop_name")


def test_the_table_of_yields_is_of_the_last_issue_date_that_the_weather_reached(tmp_path: Path) -> None:
    """Rice of January to December 2011: quarter in March, middle in June. Maize of June 2010 to May 2011: August 2010,
    November, April and May 2011."""
    expected = {
        "2010-12": (("before quarter season", "2010-12"), ("mid season", "2010-11")),
        "2011-03": (("quarter season", "2011-03"), ("mid season", "2010-11")),
        "2011-11": (("1 month before harvest", "2011-11"), ("harvest", "2011-05")),
    }
    for until, (rice, maize) in expected.items():
        table = stages(tmp_path / until, until)
        for crop, (issue_date, month) in (("rice", rice), ("maize", maize)):
            assert table.at[crop, "issue"] == issue_date, (until, crop)
            assert table.at[crop, "issue_month"] == month, (until, crop)
            assert table.at[crop, "harvest_year"] == 2011


def test_an_outbreak_by_hand() -> None:
    """Five Januaries of 10, 20, 30, 40, 50 cases: mean 30, sd 15.81, so more than 61.62 in the sixth."""
    cases = np.zeros((1, 60))
    cases[0, ::12] = [10, 20, 30, 40, 50]
    limits = thresholds(cases, 12)
    assert limits.shape == (1, 72)
    assert np.isnan(limits[0, :60]).all()  # fewer than five years before
    assert limits[0, 60] == pytest.approx(30 + 2 * np.sqrt(250))
    assert (limits[0, 61:] == FEW).all()  # months without a case: not every single case is an outbreak


def test_the_year_of_the_forecast_is_in_no_threshold() -> None:
    rng = np.random.default_rng(1)
    cases = rng.gamma(1, 30, (2, 120))
    other = cases.copy()
    other[:, 100:] = 1e6
    one, two = thresholds(cases, 11), thresholds(other, 11)
    np.testing.assert_array_equal(one[:, : 100 + 11], two[:, : 100 + 11])  # 11 months ahead of the last one known
    assert (one[:, 112:] != two[:, 112:]).any()
