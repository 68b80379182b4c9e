"""A node's own weather forecast: the model sees its days ahead, and a file that does not fit is refused in one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.data import Panel
from tasks.errors import DataError, SettingError
from tasks.river import TASK
from tasks.river.settings import RiverSettings
from tasks.river.weather.forecast_file import with_weather_ahead
from tasks.settings import Calendar
from tests.tasks.products.forecasting import issue

CALENDAR = Calendar(train_until="2003-06", validate_until="2003-09", test_until="2003-12", step="day")
SETTINGS = RiverSettings(calendar=CALENDAR, mode="perfect_weather")
ORIGIN = np.datetime64("2003-12-10")


@pytest.fixture(scope="module")
def early(folder: Path) -> Panel:
    """The records as they were at the end of the origin."""
    assert TASK.upcoming is not None
    return TASK.upcoming(folder, "LAO", SETTINGS, ORIGIN)


@pytest.fixture(scope="module")
def forecast(folder: Path) -> pd.DataFrame:
    """The weather that came, as if somebody had known it."""
    table = pd.read_csv(folder / "river.csv", parse_dates=["date"])
    ahead = table[(table["date"] > str(ORIGIN)) & (table["date"] <= str(ORIGIN + 7))].drop(columns="streamflow")
    return ahead.assign(issued="2003-12-10T12:00Z")


def test_with_the_weather_that_came_a_forecast_is_that_of_perfect_weather(
    folder: Path, early: Panel, forecast: pd.DataFrame, tmp_path: Path
) -> None:
    forecast.to_csv(tmp_path / "weather.csv", index=False)
    assert TASK.upcoming is not None
    longer, weather = with_weather_ahead(early, tmp_path / "weather.csv")
    assert weather.line == "with the weather forecast issued 2003-12-10T12:00Z"
    whole = TASK.windows(TASK.upcoming(folder, "LAO", SETTINGS, None), SETTINGS)
    expected, given, without = (
        each.take(each.origin == ORIGIN) for each in (whole, *(TASK.windows(one, SETTINGS) for one in (longer, early)))
    )
    assert len(given) == len(expected) > 0
    for name, values in expected.inputs.items():
        np.testing.assert_allclose(given.inputs[name], values, rtol=1e-6, atol=1e-6, err_msg=name)
    assert not np.allclose(without.inputs["ahead"], expected.inputs["ahead"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.assign(issued="2003-12-11T06:00Z"), "issued 2003-12-11T06:00Z, after 2003-12-10, the day that"),
        (lambda t: t.assign(issued="2003-12-09T12:00+00:00"), "issued 2003-12-09T12:00Z, more than 24 hours before"),
        (lambda t: t.assign(issued="2003-12-10"), "issued=2003-12-10 is no time with a zone"),
        (lambda t: t.assign(issued=["2003-12-10T06:00Z", *t["issued"][1:]]), "write the rows of one weather forecast"),
        (lambda t: t.drop(columns="pet"), "column 'pet': is missing"),
        (lambda t: t.assign(temperature=t["temperature"] + 273.15), "deg C"),
        (lambda t: t[t["gauge_id"] != "LAO-2"], r"no row of gauge LAO-2 on 2003-12-11 \(7 of 14 rows"),
        (lambda t: t[t["date"] < "2003-12-17"], r"no row of gauge LAO-1 on 2003-12-17 \(2 of 14 rows"),
    ],
)
def test_a_weather_forecast_that_does_not_fit_is_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame], said: str, early: Panel, forecast: pd.DataFrame, tmp_path: Path
) -> None:
    change(forecast).to_csv(tmp_path / "weather.csv", index=False)
    with pytest.raises(DataError, match=said) as refusal:
        with_weather_ahead(early, tmp_path / "weather.csv")
    assert "weather.csv" in str(refusal.value)


def test_a_model_of_perfect_weather_names_the_file_that_it_lacks(folder: Path) -> None:
    for form in ("table", "cap"):
        with pytest.raises(SettingError, match="weather=FILE"):
            TASK.products[form](issue(TASK, folder, "LAO", settings=SETTINGS))
