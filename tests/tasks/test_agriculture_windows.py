"""A forecast sees earlier harvests, and of its own season the weather up to its issue date: nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.agriculture import TASK
from tasks.agriculture.history import OFFSET, history_of, next_on_line
from tasks.agriculture.schema import VARIABLES, WEATHER, YIELDS
from tasks.agriculture.seasons import issued_before_harvest
from tasks.agriculture.settings import VIEWS, AgricultureSettings
from tasks.agriculture.windowing import width
from tasks.data import Array, Panel, Windows

COUNTRY = "KHM"
Change = Callable[[pd.DataFrame, pd.DataFrame], None]


def settings_of(view: str) -> AgricultureSettings:
    return AgricultureSettings(view=view, weather=list(VARIABLES))


@pytest.fixture(scope="module", params=VIEWS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Synthetic records with all four variables of weather."""
    place = tmp_path_factory.mktemp(request.param)
    TASK.synthesize(place, COUNTRY, 3, settings_of(request.param))
    weather = pd.read_csv(place / WEATHER)
    rng = np.random.default_rng(0)
    weather["spei"], weather["nino34"] = rng.normal(0, 1, (2, len(weather)))
    weather.round(3).to_csv(place / WEATHER, index=False)
    return place, request.param


def read(folder: tuple[Path, str], into: Path, change: Change | None = None) -> tuple[Panel, Windows]:
    """Panel and windows, of records changed on the way."""
    place, view = folder
    yields, weather = pd.read_csv(place / YIELDS), pd.read_csv(place / WEATHER)
    if change is not None:
        change(yields, weather)
    yields.to_csv(into / YIELDS, index=False)
    weather.to_csv(into / WEATHER, index=False)
    panel = TASK.read(into, COUNTRY, settings_of(view))
    return panel, TASK.windows(panel, settings_of(view))


def poisoned(year: int, month: str) -> Change:
    """Harvests from a year on, and weather not yet known at the end of a month, as if they were looked at."""

    def change(yields: pd.DataFrame, weather: pd.DataFrame) -> None:
        rng = np.random.default_rng(1)
        later = yields["harvest_year"] >= year
        yields.loc[later, "yield"] *= rng.uniform(0.3, 1.7, later.sum())  # other, and still in t/ha
        yields.loc[later, "observed"] = 1
        for variable in VARIABLES:
            late = 1 if variable == "nino34" else 0  # months after its own that it is published
            after = weather["time_period"] > str(np.datetime64(month, "M") - late)
            low, high = (
                (100, 500) if variable == "rainfall" else (20, 35) if variable == "mean_temperature" else (-5, 5)
            )
            weather.loc[after, variable] = rng.uniform(low, high, after.sum())

    return change


def issued(panel: Panel, windows: Windows) -> Array:
    """(N, 4) months at whose end the forecasts are issued."""
    before = issued_before_harvest(panel.static["planting_month"], panel.static["harvest_month"])[windows.place]
    harvest = panel.static["harvest_month"][windows.place]
    return np.asarray(windows.due - 12 + harvest[:, None] - before)


@pytest.mark.parametrize("month", ["2009-12", "2010-03", "2010-06", "2010-08", "2010-10"])
def test_nothing_after_an_issue_date_reaches_its_forecast(folder: tuple[Path, str], tmp_path: Path, month: str) -> None:
    settings = settings_of(folder[1])
    panel, windows = read(folder, tmp_path)
    other_panel, other = read(folder, tmp_path, poisoned(2010, month))
    old, new = (each.take(each.due[:, 0] <= np.datetime64("2010-12")) for each in (windows, other))
    known = issued(panel, old) <= np.datetime64(month)
    assert 0 < known.sum() < known.size
    features, others = old.inputs["features"], new.inputs["features"]
    np.testing.assert_array_equal(features[known], others[known])
    assert (features[~known] != others[~known]).any()  # what came later is there to be seen, and is not seen
    for name in old.restore:
        np.testing.assert_array_equal(old.restore[name], new.restore[name])
    for baseline in TASK.baselines.values():
        np.testing.assert_array_equal(baseline(panel, old, settings), baseline(other_panel, new, settings))
    earlier = old.due[:, 0] < np.datetime64("2010-12")
    np.testing.assert_array_equal(old.target[earlier], new.target[earlier])
    assert np.nanmax(np.abs(old.target[~earlier] - new.target[~earlier])) > 0


def test_nothing_after_the_training_years_reaches_training(folder: tuple[Path, str], tmp_path: Path) -> None:
    _, windows = read(folder, tmp_path)
    _, other = read(folder, tmp_path, poisoned(2004, "2003-12"))
    old, new = windows.only("train"), other.only("train")
    np.testing.assert_array_equal(old.inputs["features"], new.inputs["features"])
    np.testing.assert_array_equal(old.target, new.target)


def test_every_issue_date_adds_one_phase_of_weather(folder: tuple[Path, str], tmp_path: Path) -> None:
    _, windows = read(folder, tmp_path)
    features = windows.inputs["features"]
    assert features.shape == (len(windows), 4, width(settings_of(folder[1])))
    season = features[..., -4 * len(VARIABLES) :].reshape(len(windows), 4, len(VARIABLES), 4)
    for issue in range(4):
        assert (season[:, issue, :, issue + 1 :] == 0).all()
        assert (season[:, issue, :, : issue + 1] != 0).any(axis=(0, 1)).all()
    np.testing.assert_array_equal(season[:, 2, :, :3], season[:, 3, :, :3])
    past = features[..., : -4 * len(VARIABLES) - 4]
    np.testing.assert_array_equal(past, np.repeat(past[:, :1], 4, axis=1))


def test_a_label_is_the_harvest_after_the_origin_and_the_model_can_say_it(
    folder: tuple[Path, str], tmp_path: Path
) -> None:
    panel, windows = read(folder, tmp_path)
    year = ((windows.due - panel.periods[0]).astype(int)) // 12
    np.testing.assert_array_equal(windows.observed, panel.target[windows.place[:, None], year])
    assert (windows.due - windows.origin[:, None] == np.timedelta64(12, "M")).all()
    said = TASK.forecast(np.repeat(windows.target[..., None], len(TASK.levels), axis=2), windows)
    np.testing.assert_allclose(said[..., 0], windows.observed, rtol=1e-5, atol=1e-5)


def test_a_country_without_a_past_has_no_situation_and_no_forecast(folder: tuple[Path, str], tmp_path: Path) -> None:
    panel, _ = read(folder, tmp_path)
    settings = settings_of(folder[1])
    for silent in (
        replace(panel, target=np.full_like(panel.target, np.nan)),
        replace(
            panel,
            periods=panel.periods[:1],
            target=panel.target[:, :1],
            covariates={name: values[:, :1] for name, values in panel.covariates.items()},
        ),
    ):
        windows = TASK.windows(silent, settings)
        assert len(windows) == 0
        assert windows.inputs["features"].shape == (0, 4, width(settings))
        for baseline in TASK.baselines.values():
            assert baseline(silent, windows, settings).shape == (0, 4, len(TASK.levels))


@given(
    values=st.lists(st.one_of(st.none(), st.floats(0.5, 20)), min_size=12, max_size=16),
    window=st.integers(3, 16),
    scale=st.floats(0.1, 10),
)
def test_the_line_is_least_squares_and_history_scales_with_the_unit(
    values: list[float | None], window: int, scale: float
) -> None:
    series = np.array([np.nan if value is None else value for value in values])
    line_ahead = next_on_line(series[None], window, 3)[0]
    for now in range(len(series)):
        when = np.arange(max(0, now - window + 1), now + 1)
        known = when[np.isfinite(series[when])]
        if len(known) < 3:
            assert np.isnan(line_ahead[now])
        else:
            line = np.polyfit(known - now, series[known], 1)
            assert line_ahead[now] == pytest.approx(np.polyval(line, 1), rel=1e-6, abs=1e-6)
    one, other = history_of(series[None], "national"), history_of(scale * series[None], "national")
    np.testing.assert_allclose(other.offset, scale * one.offset, rtol=1e-9)
    np.testing.assert_allclose(other.spread, scale * one.spread, rtol=1e-9)
    np.testing.assert_allclose(other.error, one.error, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("view", VIEWS)
def test_the_offset_of_a_steady_yield_is_that_yield(view: str) -> None:
    history = history_of(np.full((2, 30), 4.0), view)
    for way in (history.last, history.recent, history.trend, history.long_trend, history.mean, history.offset):
        np.testing.assert_allclose(way, 4.0)
    assert sum(OFFSET[view]) == pytest.approx(1)
    assert (np.diff(history.spread, axis=1) <= 0).all()  # nothing but right forecasts: trust grows
