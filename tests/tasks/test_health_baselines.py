"""Baselines on records whose right forecast is known without them."""

from collections.abc import Callable

import numpy as np
import pytest

from tasks.data import Array, Panel, Windows
from tasks.evaluation.levels import LEVELS
from tasks.health.baselines import climatology, flat_persistence, seasonal_naive, seasonal_persistence
from tasks.health.records import COVARIATES
from tasks.health.settings import HealthSettings
from tasks.health.windowing import windows
from tasks.settings import Calendar

SETTINGS = HealthSettings(calendar=Calendar(train_until="2009-12", validate_until="2010-12", test_until="2011-12"))
FIRST = np.datetime64("2000-01", "M")
MONTHS = 144
MIDDLE = LEVELS.index(0.5)
Baseline = Callable[[Panel, Windows, HealthSettings], Array]
BASELINES: list[Baseline] = [flat_persistence, climatology, seasonal_persistence, seasonal_naive]


def forecast(baseline: Baseline, target: Array) -> tuple[Windows, Array]:
    panel = Panel(
        country="LAO",
        periods=FIRST + np.arange(target.shape[1]),
        places=tuple(f"LA-{place}" for place in range(len(target))),
        target=target,
        covariates={name: np.full(target.shape, np.nan) for name in COVARIATES},
    )
    situations = windows(panel, SETTINGS)
    return situations, baseline(panel, situations, SETTINGS)


def index(situations: Windows) -> Array:
    """(N, H) month due, counted from the first; beyond the record too."""
    return (situations.due - FIRST).astype(int)


SEASON = np.round(100 + 90 * np.cos(2 * np.pi * np.arange(12) / 12))
PERIODIC = np.tile(SEASON, MONTHS // 12)[None]


@pytest.mark.parametrize("baseline", BASELINES)
def test_of_a_constant_record_every_baseline_is_certain(baseline: Baseline) -> None:
    _, forecasts = forecast(baseline, np.full((2, MONTHS), 7.0))
    np.testing.assert_allclose(forecasts, 7)


@pytest.mark.parametrize("baseline", BASELINES)
def test_of_a_country_without_cases_every_baseline_says_none(baseline: Baseline) -> None:
    _, forecasts = forecast(baseline, np.zeros((2, MONTHS)))
    np.testing.assert_array_equal(forecasts, 0)


def test_of_a_record_that_repeats_itself_last_year_is_right() -> None:
    situations, said = forecast(seasonal_naive, PERIODIC)
    np.testing.assert_allclose(said, np.repeat(SEASON[index(situations) % 12][..., None], len(LEVELS), axis=2))


def test_the_spread_of_last_year_is_symmetric_though_its_errors_are_not() -> None:
    growing = np.expm1(2 + np.arange(MONTHS) / 48)[None]  # every month is a quarter above last year's, on log1p
    situations, said = forecast(seasonal_naive, growing)
    last_year = 2 + (index(situations) - 12) / 48
    spread = np.log1p(said) - last_year[..., None]
    np.testing.assert_allclose(spread[..., 0], -0.25)
    np.testing.assert_allclose(spread[..., -1], 0.25)


def test_flat_persistence_has_the_last_value_in_the_middle_and_widens() -> None:
    rng = np.random.default_rng(1)
    target = np.round(np.exp(rng.normal(4, 1, (2, MONTHS))))
    situations, said = forecast(flat_persistence, target)
    now = (situations.origin - FIRST).astype(int)
    np.testing.assert_allclose(said[..., MIDDLE], np.repeat(target[situations.place, now][:, None], 3, axis=1))
    width = np.log1p(said[..., -2]) - np.log1p(said[..., 1])
    assert (np.diff(width, axis=1) > 0).all()


def test_the_spread_of_flat_persistence_is_that_of_a_random_walk() -> None:
    """Steps of +-1 on log1p: after h steps the sum is binomial; its central 50 % and tails are known."""
    rng = np.random.default_rng(2)
    steps = rng.choice([-1.0, 1.0], 4 * MONTHS)
    logs = 30 + np.cumsum(steps)[:MONTHS][None]
    situations, said = forecast(flat_persistence, np.expm1(logs))
    last = logs[0, (situations.origin - FIRST).astype(int)]
    spread = np.log1p(said) - last[:, None, None]
    np.testing.assert_allclose(
        spread[:, 0],
        np.broadcast_to(np.where(np.array(LEVELS) < 0.5, -1, 1) * (np.array(LEVELS) != 0.5), spread[:, 0].shape),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        spread[:, 1, [0, 7, MIDDLE, 15, -1]], np.broadcast_to([-2, 0, 0, 0, 2], (len(last), 5)), atol=1e-6
    )
    np.testing.assert_allclose(spread[:, 2, [0, 7, 15, -1]], np.broadcast_to([-3, -1, 1, 3], (len(last), 4)), atol=1e-6)


def test_flat_persistence_learns_its_spread_from_training_months_only() -> None:
    rng = np.random.default_rng(3)
    target = np.round(np.exp(rng.normal(4, 1, (2, MONTHS))))
    wild = target.copy()
    wild[:, 121:] = np.round(np.exp(rng.normal(4, 4, (2, MONTHS - 121))))
    (situations, one), (_, two) = forecast(flat_persistence, target), forecast(flat_persistence, wild)
    at = situations.origin == FIRST + 120
    np.testing.assert_array_equal(one[at], two[at])


def test_climatology_is_the_quantiles_of_three_months_in_earlier_years() -> None:
    """Every month of the record is its own number, so that what was used can be read off."""
    target = np.expm1(np.arange(MONTHS) / 20)[None]
    situations, said = forecast(climatology, target)
    for row in range(0, len(situations), 7):
        for step, due in enumerate(index(situations)[row]):
            used = [
                at
                for year in range(1, 13)
                for at in (due - 12 * year - 1, due - 12 * year, due - 12 * year + 1)
                if at >= 0
            ]
            assert max(used) <= (situations.origin[row] - FIRST).astype(int)
            np.testing.assert_allclose(said[row, step], np.expm1(np.quantile(np.array(used) / 20, LEVELS)))


def test_a_december_knows_no_january_of_its_own_winter() -> None:
    """From December, January is forecast from January's neighbours a year before: this December is too new."""
    target = np.zeros((1, MONTHS))
    december = FIRST + 11 + 12 * 8
    target[0, (december - FIRST).astype(int)] = 1e6
    situations, said = forecast(climatology, target)
    assert not said[situations.origin == december].any()
    assert said[situations.origin == december + 10][
        0, 0
    ].any()  # October forecasts November, a neighbour of last December


def test_seasonal_persistence_moves_the_last_value_by_the_usual_change() -> None:
    rng = np.random.default_rng(5)
    logs = rng.normal(3, 0.5, (1, MONTHS))
    situations, said = forecast(seasonal_persistence, np.expm1(logs))

    def usual(month: int) -> float:
        past = [month - 12 * year + near for year in range(1, 13) for near in (-1, 0, 1)]
        return float(np.mean([logs[0, at] for at in past if at >= 0]))

    def point(now: int, step: int) -> float:
        return float(logs[0, now]) + usual(now + step) - usual(now)

    trained = 120
    for step in (1, 2, 3):
        errors = [logs[0, due] - point(due - step, step) for due in range(trained) if due - step >= 11]
        early = [logs[0, due] - logs[0, due - step] for due in range(step, trained) if due - step < 11]
        expected = np.quantile(errors + early, LEVELS)
        for row in range(0, len(situations), 11):
            now = int((situations.origin[row] - FIRST).astype(int))
            np.testing.assert_allclose(said[row, step - 1], np.expm1(np.maximum(point(now, step) + expected, 0)))


def test_a_missing_month_is_bridged_by_the_value_before() -> None:
    target = np.full((1, MONTHS), 7.0)
    target[0, 100:102] = np.nan
    situations, said = forecast(flat_persistence, target)
    np.testing.assert_allclose(said[situations.origin == FIRST + 101], 7)


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_country_without_training_months_is_forecast_from_its_own_past(baseline: Baseline) -> None:
    target = np.full((2, MONTHS), np.nan)
    rng = np.random.default_rng(6)
    target[:, 120:] = np.round(np.exp(rng.normal(4, 1, (2, 24))))
    later = target.copy()
    later[:, 135:] = 0
    (situations, one), (_, two) = forecast(baseline, target), forecast(baseline, later)
    at = situations.origin <= FIRST + 134
    assert at.any()
    np.testing.assert_array_equal(one[at], two[at])
    assert (one[..., -1] > one[..., 0]).any()
