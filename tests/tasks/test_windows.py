"""Helpers that look back see nothing later, and a window belongs to a part only with all its horizons."""

from calendar import isleap
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.data import Array, Panel
from tasks.errors import SettingError
from tasks.settings import Calendar
from tasks.time_step import STEPS, season_angle
from tasks.windows import (
    ahead,
    carried,
    ending_with,
    lagged,
    month_of_year,
    part_of,
    trailing_mean,
    training_periods,
)

CALENDAR = Calendar(train_until="2004-12", validate_until="2005-12", test_until="2006-12")
GRIDS = arrays(np.float64, (2, 15), elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan)))


def months(*names: str) -> Array:
    return np.array(names, "datetime64[M]")


def test_a_window_belongs_to_the_part_that_holds_all_its_months() -> None:
    origin = np.arange(months("2004-08")[0], months("2007-02")[0])
    due = origin[:, None] + np.arange(1, 4)
    for one, part in zip(due, part_of(due, CALENDAR), strict=True):
        inside = {
            "train": (one <= months("2004-12")).all(),
            "validation": ((one >= months("2005-01")) & (one <= months("2005-12"))).all(),
            "test": ((one >= months("2006-01")) & (one <= months("2006-12"))).all(),
        }
        assert part == next((name for name, holds in inside.items() if holds), "")
    assert set(part_of(due, CALENDAR)) == {"train", "validation", "test", ""}


def test_a_window_over_an_edge_of_the_excluded_period_counts_on_neither_side() -> None:
    excluding = replace(CALENDAR, excluded_period=["2006-04", "2006-08"])
    origin = np.arange(months("2004-08")[0], months("2007-02")[0])
    due = origin[:, None] + np.arange(1, 4)
    for one, part, before in zip(due, part_of(due, excluding), part_of(due, CALENDAR), strict=True):
        within = (one >= months("2006-04")) & (one <= months("2006-08"))
        if before == "test":
            assert part == ("excluded_period" if within.all() else "" if within.any() else "test")
        else:
            assert part == before
    assert set(part_of(due, excluding)) == {"train", "validation", "test", "excluded_period", ""}


@pytest.mark.parametrize(
    "excluded",
    [["2005-12", "2006-03"], ["2006-06", "2007-01"], ["2006-06", "2006-05"], ["2006-06"], ["2006-06", "x"], ["", "x"]],
)
def test_an_excluded_period_lies_in_the_test(excluded: list[str]) -> None:
    with pytest.raises(SettingError, match=r"task\.calendar\.excluded_period"):
        replace(CALENDAR, excluded_period=excluded).check()


def test_an_excluded_period_and_an_unaligned_calendar_exclude_each_other() -> None:
    with pytest.raises(SettingError, match="leave one out"):
        replace(CALENDAR, excluded_period=["2006-06", "2006-07"], unaligned=True).check()


@pytest.mark.parametrize("last", ["2003-05", "2006-12", "2022-01"])
def test_a_calendar_ends_with_what_a_country_reported(last: str) -> None:
    periods = np.arange(months("2000-01")[0], months("2023-01")[0])
    target = np.full((2, len(periods)), np.nan)
    target[1, periods <= months(last)[0]] = 0.0
    panel = Panel(country="LAO", periods=periods, places=("a", "b"), target=target)
    moved = ending_with(panel, CALENDAR)
    assert moved.test_until == last
    assert list(np.diff(moved.cuts())) == list(np.diff(CALENDAR.cuts()))
    assert ending_with(replace(panel, target=target * np.nan), CALENDAR) == CALENDAR
    many = np.repeat(target[1:], 5, axis=0)
    many[0] = 0.0  # one place of five goes on after the others
    assert ending_with(replace(panel, places=tuple("abcde"), target=many), CALENDAR).test_until == last


def test_parts_of_no_window_are_none() -> None:
    assert part_of(np.empty((0, 3), "datetime64[M]"), CALENDAR).shape == (0,)


@pytest.mark.parametrize(
    "cuts", [("2005-12", "2004-12", "2006-12"), ("2004-12", "2004-12", "2006-12"), ("x", "y", "z")]
)
def test_a_calendar_must_rise(cuts: tuple[str, str, str]) -> None:
    calendar = Calendar(train_until=cuts[0], validate_until=cuts[1], test_until=cuts[2])
    with pytest.raises(SettingError, match=r"task\.calendar"):
        part_of(months("2004-01")[None], calendar)


def test_training_periods_end_with_the_cut() -> None:
    periods = np.arange(months("2003-01")[0], months("2008-01")[0])
    assert periods[training_periods(periods, CALENDAR) - 1] == months("2004-12")[0]
    assert training_periods(periods + 60, CALENDAR) == 0


def test_months_of_the_year_also_before_1970() -> None:
    assert list(month_of_year(months("1969-12", "1970-01", "2004-06"))) == [11, 0, 5]


def test_lags_and_leads_by_hand() -> None:
    values = np.array([[1.0, 2, 3, 4]])
    nan = np.nan
    np.testing.assert_array_equal(lagged(values, [0, 2])[0].T, [[1, 2, 3, 4], [nan, nan, 1, 2]])
    np.testing.assert_array_equal(ahead(values, 2)[0].T, [[2, 3, 4, nan], [3, 4, nan, nan]])
    np.testing.assert_array_equal(lagged(values, [9])[0, :, 0], [nan] * 4)
    with pytest.raises(ValueError, match="looks back"):
        lagged(values, [0, -1])


def test_a_value_is_carried_only_so_far() -> None:
    nan = np.nan
    np.testing.assert_array_equal(carried(np.array([[nan, 1, nan, nan, nan, 5]]), 2), [[nan, 1, 1, 1, nan, 5]])


def test_a_trailing_mean_by_hand() -> None:
    nan = np.nan
    values = np.array([[1.0, nan, 3, 5, nan, nan]])
    np.testing.assert_array_equal(trailing_mean(values, 2), [[1, 1, 3, 4, 5, nan]])
    np.testing.assert_array_equal(trailing_mean(values, 3, least=2), [[nan, nan, 2, 4, 4, nan]])


@given(values=GRIDS, now=st.integers(0, 13), poison=st.sampled_from([np.nan, 1e300, -7.0]))
def test_nothing_that_looks_back_sees_later_values(values: Array, now: int, poison: float) -> None:
    other = values.copy()
    other[:, now + 1 :] = poison
    before = values.copy()
    looks: list[Callable[[Array], Array]] = [
        lambda v: lagged(v, [0, 1, 5]),
        lambda v: carried(v, 3),
        lambda v: trailing_mean(v, 4),
        lambda v: trailing_mean(v, 40, least=2),
    ]
    for look in looks:
        np.testing.assert_array_equal(look(values)[:, : now + 1], look(other)[:, : now + 1])
    np.testing.assert_array_equal(values, before)  # nor is the caller's array changed


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_the_season_of_a_day_is_its_share_of_the_year(day: date) -> None:
    angle = season_angle(np.array([day], "datetime64[D]"))[0]
    days = 366 if isleap(day.year) else 365
    assert angle == pytest.approx(2 * np.pi * (day.timetuple().tm_yday - 1) / days)


@pytest.mark.parametrize(
    ("step", "text", "first", "last"),
    [
        ("month", "2004-02", "2004-02", "2004-02"),
        ("week", "2004-02", "2004-02-01", "2004-02-29"),
        ("day", "2004-02", "2004-02-01", "2004-02-29"),
        ("day", "2004-02-07", "2004-02-07", "2004-02-07"),
    ],
)
def test_a_month_or_a_date_is_a_cut_of_every_step_it_fits(step: str, text: str, first: str, last: str) -> None:
    assert (str(STEPS[step].first(text)), str(STEPS[step].last(text))) == (first, last)


@pytest.mark.parametrize(
    ("step", "text"),
    [("month", "2004"), ("month", "2004-12-31"), ("day", "2004"), ("week", "2004-W52"), ("day", "2004-13")],
)
def test_what_is_no_period_of_the_step_is_an_error(step: str, text: str) -> None:
    with pytest.raises(SettingError, match=r"task\.calendar"):
        replace(CALENDAR, step=step, train_until=text).check()


def test_an_unknown_step_is_an_error() -> None:
    with pytest.raises(SettingError, match=r"task\.calendar\.step=hour is none of month, week, day"):
        replace(CALENDAR, step="hour").check()


@given(st.integers(0, 2**32 - 1), st.sampled_from(["week", "day"]))
def test_windows_of_weeks_and_days_belong_to_parts_by_their_last_day(seed: int, step: str) -> None:
    """Each horizon is looked at by itself, as dates."""
    rng = np.random.default_rng(seed)
    calendar = replace(CALENDAR, step=step, excluded_period=["2006-04", "2006-08-15"])
    origin = np.datetime64("2000-01-02") + STEPS[step].length * rng.integers(0, 500, 20)
    due = STEPS[step].after(origin[:, None], np.arange(1, 4))
    cuts = [date.fromisoformat(str(each)) for each in calendar.cuts()]

    def of(day: date) -> str:
        if day <= cuts[0]:
            return "train"
        if day <= cuts[1]:
            return "validation"
        if date(2006, 4, 1) <= day <= date(2006, 8, 15):
            return "excluded_period"
        return "test" if day <= cuts[2] else ""

    for row, part in zip(due, part_of(due, calendar), strict=True):
        parts = {of(day) for day in row.tolist()}
        assert part == (parts.pop() if len(parts) == 1 else "")


def test_a_calendar_of_days_is_moved_by_days() -> None:
    periods = np.arange("2000-01-01", "2006-11-18", dtype="datetime64[D]")
    panel = Panel(country="LAO", periods=periods, places=("a",), target=np.ones((1, len(periods))), step="day")
    moved = ending_with(panel, replace(CALENDAR, step="day"))
    assert moved.test_until == "2006-11-17"
    assert list(np.diff(moved.cuts())) == list(np.diff(replace(CALENDAR, step="day").cuts()))
