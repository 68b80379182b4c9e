"""What the health model sees: running means by hand, a past that is all it knows, and a way back to cases."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.data import Array, Panel
from tasks.errors import SettingError
from tasks.health import TASK
from tasks.health.features import CARRY, RECENT, features, scale_of, width
from tasks.health.records import COVARIATES
from tasks.health.scaling import LEAST, PRIOR, SEASON_PRIOR, SMALLEST, level, season, spread
from tasks.health.settings import HealthSettings
from tasks.health.windowing import HISTORY, windows
from tasks.settings import Calendar

CALENDAR = Calendar(train_until="2003-12", validate_until="2004-12", test_until="2005-12")
SETTINGS = HealthSettings(calendar=CALENDAR)
FIRST = np.datetime64("2000-01", "M")


def panel(target: Array, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    return Panel(
        country="LAO",
        periods=FIRST + np.arange(target.shape[1]),
        places=tuple(f"LA-{place}" for place in range(len(target))),
        target=target,
        covariates={name: rng.gamma(5, 20, target.shape) for name in COVARIATES},
    )


def cases(places: int = 3, months: int = 80, gone: float = 0.1, seed: int = 1) -> Array:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(np.exp(rng.normal(2, 1, (places, months)))).astype(float)
    return np.where(rng.random(counts.shape) < gone, np.nan, counts)


COUNTS = arrays(np.float64, (2, 60), elements=st.one_of(st.integers(0, 5000).map(float), st.just(np.nan)))


def test_the_level_is_the_mean_so_far() -> None:
    np.testing.assert_allclose(level(np.array([[np.nan, 2, 4, np.nan, 6]])), [[0, 2, 3, 3, 4]])


def test_the_spread_by_hand() -> None:
    """One place: LEAST values 0, 2, 0, 2 ...: sum of squares around the mean LEAST; the country is the place."""
    values = np.tile([0.0, 2], LEAST)[None]
    spreads = spread(values, LEAST)
    country = (LEAST + 1) / (LEAST + 1)
    np.testing.assert_allclose(spreads[0, LEAST - 1 :], np.sqrt((LEAST + PRIOR * country) / (LEAST + PRIOR)))
    np.testing.assert_allclose(spreads[0, 0], np.sqrt((0 + PRIOR * 0.5) / (1 + PRIOR)))  # country: (0 + 1) / (1 + 1)


def test_the_spread_stands_still_after_the_training_months() -> None:
    values = np.random.default_rng(1).normal(size=(3, 60))
    values[2, :31] = np.nan  # 5 training months: goes on running
    spreads = spread(values, 36)
    assert (spreads[:2, 36:] == spreads[:2, 35:36]).all()
    assert len(np.unique(spreads[2, 31:])) == 29
    later = values.copy()
    later[:, 36:] += 100
    np.testing.assert_array_equal(spread(later, 36)[:2], spreads[:2])


def test_whether_a_place_will_be_reported_for_a_year_is_not_known_before() -> None:
    values = np.random.default_rng(1).normal(size=(2, 60)) * [[1], [5]]
    stops = values.copy()
    stops[1, 6:] = np.nan
    np.testing.assert_array_equal(spread(values, 36)[:, :6], spread(stops, 36)[:, :6])


def test_the_spread_of_a_country_without_cases_is_not_zero() -> None:
    assert (spread(np.zeros((3, 300)), 200) >= SMALLEST).all()


def test_a_season_is_found_again() -> None:
    """Ten years of one cosine: each month's mean with its neighbours, shrunk by SEASON_PRIOR values of itself."""
    month = np.arange(120) % 12
    wave = np.cos(2 * np.pi * month / 12)[None]
    seasons = season(wave, month, np.ones_like(wave))[0, -1]
    usual = wave[0, :12] * (1 + 2 * np.cos(2 * np.pi / 12)) / 3
    country = 30 / (30 + SEASON_PRIOR)
    np.testing.assert_allclose(seasons, usual * (30 + SEASON_PRIOR * country) / (30 + SEASON_PRIOR), atol=1e-9)


@given(values=COUNTS, now=st.integers(0, 58), poison=st.sampled_from([np.nan, 0.0, 1e6]), trained=st.integers(0, 60))
def test_scales_see_only_their_past_in_training_too(values: Array, now: int, poison: float, trained: int) -> None:
    logs, month = np.log1p(values), np.arange(60) % 12
    other = logs.copy()
    other[:, now + 1 :] = np.log1p(poison)

    def everything(seen: Array) -> list[Array]:
        return [level(seen), spread(seen, trained), season(seen, month, spread(seen, trained))]

    for expected, again in zip(everything(logs), everything(other), strict=True):
        np.testing.assert_array_equal(again[:, : now + 1], expected[:, : now + 1])


@pytest.mark.parametrize("last", ["2001-06", "2003-12", "2005-03"])
def test_windows_see_only_their_past_in_training_too(last: str) -> None:
    """Stricter than the contract: nothing after the origin itself, weather included, whatever the calendar."""
    whole = panel(cases())
    later = whole.periods > np.datetime64(last)
    other = replace(
        whole,
        target=np.where(later, 999.0, whole.target),
        covariates={name: np.where(later, 1e4, values) for name, values in whole.covariates.items()},
    )
    mine, theirs = (windows(each, SETTINGS) for each in (whole, other))
    rows, same = mine.origin <= np.datetime64(last), theirs.origin <= np.datetime64(last)
    for values, other_arrays in ((mine.inputs, theirs.inputs), (mine.restore, theirs.restore)):
        for name in values:
            np.testing.assert_array_equal(values[name][rows], other_arrays[name][same], err_msg=name)
    assert any((mine.inputs[name][~rows] != theirs.inputs[name][~same][: (~rows).sum()]).any() for name in mine.inputs)


def test_targets_lead_back_to_the_cases_observed() -> None:
    situations = windows(panel(cases()), SETTINGS)
    forecast = TASK.forecast(np.repeat(situations.target[..., None], 23, axis=2), situations)
    known = np.isfinite(situations.observed)
    np.testing.assert_allclose(
        forecast[known], np.repeat(situations.observed[known][:, None], 23, axis=1), rtol=1e-4, atol=1e-4
    )


def test_observed_is_what_the_panel_says_of_the_months_due() -> None:
    whole = panel(cases())
    situations = windows(whole, SETTINGS)
    at = (situations.due - FIRST).astype(int)
    inside = at < whole.target.shape[1]
    np.testing.assert_array_equal(
        situations.observed[inside], whole.target[situations.place[:, None], np.where(inside, at, 0)][inside]
    )
    assert np.isnan(situations.observed[~inside]).all()


def test_the_floor_is_where_no_case_is() -> None:
    situations = windows(panel(cases()), SETTINGS)
    output = np.repeat(situations.inputs["floor"].astype(float)[:, None, None], 3, axis=1).repeat(23, axis=2)
    np.testing.assert_allclose(TASK.forecast(output, situations), 0, atol=1e-4)
    np.testing.assert_array_equal(TASK.forecast(output - 5, situations), 0)


def test_an_origin_needs_a_year_of_record_and_a_value_not_older_than_three_months() -> None:
    target = np.ones((1, 40))
    target[0, 20 : 20 + CARRY + 2] = np.nan
    origins = (windows(panel(target), SETTINGS).origin - FIRST).astype(int)
    assert list(origins) == [month for month in range(HISTORY, 40) if month not in (23, 24)]
    np.testing.assert_array_equal(windows(panel(target * 5), SETTINGS).restore["last"], np.log1p(5))


def test_the_last_origin_can_be_forecast_though_nothing_of_it_is_known_yet() -> None:
    situations = windows(panel(cases(gone=0)), SETTINGS)
    newest = situations.take(situations.origin == situations.origin.max())
    assert newest.origin[0] == FIRST + 79
    assert np.isnan(newest.observed).all()
    assert np.isnan(newest.target).all()


def test_the_last_value_is_an_input_in_units_of_the_spread() -> None:
    whole = panel(cases(gone=0))
    logs = np.log1p(whole.target)
    table = features(whole, SETTINGS)
    expected = (logs - level(logs)) / scale_of(whole, SETTINGS)
    np.testing.assert_allclose(table[:, 12:, 0], np.clip(expected, -8, 8)[:, 12:])
    np.testing.assert_allclose(
        table[:, 13:, 1], np.clip((logs[:, 12:-1] - level(logs)[:, 13:]) / scale_of(whole, SETTINGS)[:, 13:], -8, 8)
    )


def test_recent_months_are_shown_without_the_season_too() -> None:
    """A place whose every month is the usual one of its season has a past, and no anomaly in it."""
    month = np.arange(240) % 12
    whole = panel(np.round(np.exp(4 + 2 * np.cos(2 * np.pi * month / 12)))[None])
    table = features(whole, SETTINGS)[0, -1]
    past, anomalies = table[: SETTINGS.lags], table[SETTINGS.lags : SETTINGS.lags + RECENT]
    assert np.abs(past).max() > 1
    assert np.abs(anomalies).max() < 0.2  # a mean of three months is not quite the month
    changes = table[SETTINGS.lags + RECENT :][: SETTINGS.horizons]
    rising = np.log1p(whole.target[0, :3]) - np.log1p(whole.target[0, 11])  # the last month is a December
    np.testing.assert_allclose(changes, rising / scale_of(whole, SETTINGS)[0, -1], atol=0.2)


@pytest.mark.parametrize("weather", [True, False])
@pytest.mark.parametrize(("lags", "horizons"), [(1, 1), (12, 3), (30, 6)])
def test_the_width_is_that_of_the_table(weather: bool, lags: int, horizons: int) -> None:
    settings = replace(SETTINGS, weather=weather, lags=lags, horizons=horizons)
    settings.check()
    assert features(panel(cases()), settings).shape == (3, 80, width(settings))


def test_weather_is_seen_only_when_set() -> None:
    whole = panel(cases())
    dry = replace(whole, covariates={name: np.full_like(whole.target, np.nan) for name in COVARIATES})
    assert not np.array_equal(features(whole, SETTINGS), features(dry, SETTINGS))
    blind = replace(SETTINGS, weather=False)
    np.testing.assert_array_equal(features(whole, blind), features(dry, blind))


def test_a_countrys_unit_of_counting_changes_little_and_its_places_nothing() -> None:
    """Places in another order give the same windows in that order."""
    whole = panel(cases())
    order = [2, 0, 1]
    turned = replace(
        whole, target=whole.target[order], covariates={name: values[order] for name, values in whole.covariates.items()}
    )
    np.testing.assert_allclose(features(turned, SETTINGS), features(whole, SETTINGS)[order], atol=1e-9)


BAD: list[dict[str, object]] = [
    {"horizons": 0},
    {"horizons": 12},
    {"lags": 0},
    {"lags": 61},
    {"dropout": -0.1},
    {"dropout": float("nan")},
    {"hidden": [0]},
    {"hidden": [8] * 9},
    {"calendar": Calendar(train_until="2004-13")},
]


@pytest.mark.parametrize("bad", BAD, ids=[",".join(each) for each in BAD])
def test_a_setting_out_of_range_is_named(bad: dict[str, object]) -> None:
    (name,) = bad
    with pytest.raises(SettingError, match=f"task.{name}"):
        HealthSettings(**bad).check()  # type: ignore[arg-type]
