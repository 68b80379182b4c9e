"""Indices, events, steady gauges and climatologies against values known without them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from tasks.data import Array, Panel
from tasks.disaster.climatology import CELL, COUNTRY, PRIOR, cell_month, country_month
from tasks.disaster.events import DRY, EXTREME, Course, follow
from tasks.disaster.gauges import steady
from tasks.disaster.indices import gamma, index, quantile, summed
from tasks.disaster.reference import LEAST, usual
from tasks.disaster.settings import DisasterSettings
from tasks.errors import SettingError

UNTIL = np.datetime64("2005-12", "M")
PERIODS = np.arange("1979-01", "2017-01", dtype="datetime64[M]")
TRAINING = PERIODS <= UNTIL
NAMES = ("national_rainfall", "national_temperature", "spei", "nino34", "dipole")


def showers(places: int, seed: int = 0, months: int = len(PERIODS)) -> Array:
    """(P, T) of gamma rain with a season."""
    season = 1 + 0.8 * np.cos(2 * np.pi * np.arange(months) / 12)
    return np.random.default_rng(seed).gamma(2.0, 50 * season, (places, months))


def panel_of(rainfall: Array, periods: Array = PERIODS, flood: Array | None = None) -> Panel:
    nothing = np.full(rainfall.shape, np.nan)
    return Panel(
        country="LAO",
        periods=periods,
        places=tuple(f"cell {p}" for p in range(len(rainfall))),
        target=rainfall,
        covariates={**dict.fromkeys(NAMES, nothing), "flood": nothing if flood is None else flood},
        static={"longitude": np.arange(len(rainfall)) + 100.5, "latitude": np.full(len(rainfall), 14.5)},
    )


def course_of(rainfall: Array, hazard: str) -> Course:
    return follow(panel_of(rainfall), DisasterSettings(hazard=hazard, steady=False))


def test_the_index_is_the_normal_score_of_a_gamma_distribution() -> None:
    rain = np.random.default_rng(1).gamma(2.0, 40.0, (1, 12 * 4000))
    periods = np.datetime64("1700-01", "M") + np.arange(rain.shape[1])
    fitted = gamma(rain, periods, periods[-1])
    amounts = stats.gamma.ppf([0.02, 0.1587, 0.5, 0.9, 0.98], 2.0, scale=40.0)
    scores = [index(np.full_like(rain, amount), fitted)[0, 7] for amount in amounts]
    np.testing.assert_allclose(scores, stats.norm.ppf([0.02, 0.1587, 0.5, 0.9, 0.98]), atol=0.08)


def test_dry_months_share_the_middle_of_their_probability() -> None:
    rain = np.where(np.arange(240) % 24 < 12, 0.0, 50.0 + np.arange(240))[None]
    fitted = gamma(rain, PERIODS[:240], PERIODS[239])
    assert index(np.zeros_like(rain), fitted)[0, 5] == pytest.approx(stats.norm.ppf(11 / 42))  # 10 of 20 Januaries dry
    assert index(np.full_like(rain, 1e-9), fitted)[0, 5] == pytest.approx(stats.norm.ppf(10 / 21), abs=1e-3)


@given(dry=st.integers(0, 20), score=st.floats(-2.5, 2.5), amount=st.floats(0, 400), seed=st.integers(0, 5))
@example(dry=0, score=-2.0, amount=0.0, seed=0)
def test_exactly_the_amounts_below_the_quantile_have_a_smaller_index(
    dry: int, score: float, amount: float, seed: int
) -> None:
    years = np.random.default_rng(seed).gamma(1.5, 60.0, (1, 20))
    years[0, :dry] = 0
    rain = np.repeat(years, 12, axis=1)
    fitted = gamma(rain, PERIODS[:240], PERIODS[239])
    threshold = quantile(fitted, score)[0, 0]
    if abs(amount - threshold) > 1e-4:
        assert (index(np.full_like(rain, amount), fitted)[0, 0] < score) == (amount < threshold)


def test_a_desert_has_no_drought_and_breaks_nothing() -> None:
    course = course_of(np.zeros((1, len(PERIODS))), "drought")
    assert np.nansum(course.event) == 0
    assert np.isfinite(course.index(3)[0, 2 : len(PERIODS)]).all()


def test_sums_need_every_month() -> None:
    rain = np.array([[1.0, 2.0, np.nan, 4.0, 5.0, 6.0]])
    np.testing.assert_array_equal(summed(rain, 3), [[np.nan] * 5 + [15.0]])


def test_drought_is_an_index_of_three_months_below_minus_one() -> None:
    course = course_of(showers(3), "drought")
    scores = course.index(3)
    known = np.isfinite(course.event)
    assert known[:, 2:-3].all()
    assert not known[:, :2].any()
    np.testing.assert_array_equal(course.event[known] == 1, scores[known] < DRY)
    assert course.event[:, 2 : TRAINING.sum()].mean() == pytest.approx(stats.norm.cdf(DRY), abs=0.02)


def test_extreme_rain_is_above_the_cells_own_percentile_of_the_training_months() -> None:
    rain = showers(4) * np.array([[1], [2], [5], [0.1]])
    course = course_of(rain, "rain")
    thresholds = [np.quantile(row[TRAINING], EXTREME) for row in rain]
    np.testing.assert_array_equal(course.event[:, :-3], rain > np.array(thresholds)[:, None])
    assert np.isnan(course.event[:, -3:]).all()


@pytest.mark.parametrize("hazard", ["drought", "rain"])
def test_no_later_year_changes_what_an_event_is(hazard: str) -> None:
    rain = showers(2)
    later = np.where(TRAINING, rain, 7 * rain + 100)
    np.testing.assert_array_equal(course_of(rain, hazard).threshold, course_of(later, hazard).threshold)


@pytest.mark.parametrize("cycle", [1, 12])
def test_a_place_without_training_years_is_compared_with_its_own_past(cycle: int) -> None:
    values = showers(2)
    values[1, : 12 * 22] = np.nan  # from 2001 on, five years before the cut
    largest = usual(
        values,
        PERIODS,
        UNTIL,
        lambda history: np.nanmax(np.c_[np.zeros(len(history)), history], axis=1)[None],
        cycle=cycle,
    )
    year = 2001 + LEAST
    assert np.isnan(largest[0, 1, np.datetime64(f"{year}-01") > PERIODS]).all()
    for period in np.flatnonzero(np.datetime64(f"{year + 1}-01") <= PERIODS):
        past = np.arange(period % cycle, period - 11, cycle)
        assert largest[0, 1, period] == np.nanmax(values[1, past])
        assert largest[0, 0, period] == values[0, : TRAINING.sum()][period % cycle :: cycle].max()


def test_gauges_that_close_make_no_drought_where_a_reanalysis_remembers() -> None:
    rain = showers(5)
    national = np.broadcast_to(rain.mean(axis=0), rain.shape)
    closed = np.where(np.datetime64("1995-01") > PERIODS, rain, 0.3 * rain)
    rescaled = steady(closed, national)
    after = np.datetime64("1997-01") <= PERIODS
    np.testing.assert_allclose(rescaled[:, after], rain[:, after])
    np.testing.assert_allclose(rescaled[:, 11:180], rain[:, 11:180])
    assert np.isnan(rescaled[:, :11]).all()


def test_without_a_reanalysis_gauges_are_rescaled_by_their_own_years() -> None:
    rain = showers(5)
    closed = np.where(np.datetime64("1995-01") > PERIODS, rain, 0.3 * rain)
    share = steady(closed, np.full_like(rain, np.nan))
    before, after = share[:, 60:180].mean(), share[:, np.datetime64("2000-01") <= PERIODS].mean()
    assert after == pytest.approx(before, rel=0.05)


@pytest.mark.parametrize("reanalysis", [True, False])
@given(cut=st.integers(12, len(PERIODS) - 1))
def test_no_later_month_rescales_an_earlier_one(reanalysis: bool, cut: int) -> None:
    rain = showers(2)
    national = np.broadcast_to(rain.mean(axis=0), rain.shape).copy() if reanalysis else np.full_like(rain, np.nan)
    rescaled = steady(rain, national)[:, :cut]
    national[:, cut:] *= 9
    np.testing.assert_array_equal(
        steady(np.concatenate([rain[:, :cut], 5 * rain[:, cut:]], axis=1), national)[:, :cut], rescaled
    )


def by_hand(event: Array, cell: int, period: int) -> float:
    """The climatology in plain words: this month and its neighbours in every earlier year."""

    def counted(row: Array) -> tuple[float, int]:
        months = [period - 12 * k + near for k in range(1, 50) for near in (-1, 0, 1)]
        known = [row[month] for month in months if month >= 0 and np.isfinite(row[month])]
        return sum(known), len(known)

    each = [counted(row) for row in event]
    events, months = (sum(pair[i] for pair in each) for i in (0, 1))
    country = (events + COUNTRY * PRIOR) / (months + COUNTRY)
    return float((each[cell][0] + CELL * country) / (each[cell][1] + CELL))


@given(seed=st.integers(0, 20), cell=st.integers(0, 2), period=st.integers(0, 99))
def test_climatologies_count_earlier_years(seed: int, cell: int, period: int) -> None:
    rng = np.random.default_rng(seed)
    event = np.where(rng.random((3, 100)) < 0.1, np.nan, np.where(rng.random((3, 100)) < 0.3, 1.0, 0.0))
    assert cell_month(event)[cell, period] == pytest.approx(by_hand(event, cell, period))
    later = event.copy()
    later[:, max(period - 10, 0) :] = 1  # December is no earlier year of the January after it
    assert cell_month(later)[cell, period] == cell_month(event)[cell, period]
    assert country_month(later)[0, period] == country_month(event)[0, period]


def test_steady_gauges_end_the_false_droughts_of_myanmar_and_laos(public_data: Path) -> None:
    rain = pd.read_csv(public_data / "disaster" / "cpc_precipitation_1deg_monthly.csv.gz", dtype={"mo": str})
    cells = pd.read_csv(public_data / "disaster" / "cells_country.csv")
    era = pd.read_csv(public_data / "climate" / "era_pre_monthly.csv")
    era.index = pd.Index(era["Date"].str[1:5] + "-" + era["Date"].str[5:7])
    rain["month"] = rain["year"].astype(str) + "-" + rain["mo"]
    for code, name in (("MMR", "Myanmar"), ("LAO", "Laos")):
        table = rain.merge(cells[cells["country"] == name][["x", "y"]]).pivot_table(
            values="prec", index=["x", "y"], columns="month"
        )
        panel = panel_of(table.to_numpy(), table.columns.to_numpy().astype("datetime64[M]"))
        national = np.broadcast_to(era.loc[table.columns, code].to_numpy(), table.shape)
        panel = Panel(**{**vars(panel), "covariates": {**panel.covariates, "national_rainfall": national}})
        rates = {}
        for steadied in (False, True):
            event = follow(panel, DisasterSettings(steady=steadied)).event[:, :-3]
            years = panel.periods.astype("datetime64[Y]").astype(int) + 1970
            rates[steadied] = [
                np.nanmean(event[:, (years >= a) & (years < b)]) for a, b in ((1990, 1998), (2000, 2006), (2010, 2017))
            ]
        assert np.ptp(rates[True]) < np.ptp(rates[False]) - 0.1, (code, rates)


@pytest.mark.parametrize("hazard", ["drought", "rain"])
def test_a_reference_period_keeps_the_events_of_a_model_that_is_trained_again(hazard: str) -> None:
    panel = panel_of(showers(3))
    fold = DisasterSettings(hazard=hazard, steady=False)
    refit = replace(fold, calendar=replace(fold.calendar, refit=True))
    first, again = follow(panel, fold).event, follow(panel, refit).event
    assert (first != again)[np.isfinite(first)].any()  # by itself, newer years move the threshold
    for each in (fold, refit):
        np.testing.assert_array_equal(follow(panel, replace(each, reference_until="2005-12")).event, first)


def test_a_reference_period_ends_with_the_training_at_the_latest() -> None:
    DisasterSettings(reference_until="2005-12").check()
    for month in ("2006-01", "soon"):
        with pytest.raises(SettingError, match=f"reference_until={month}"):
            DisasterSettings(reference_until=month).check()
