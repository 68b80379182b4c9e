"""Reporting delays: learnt as they are, from what was known alone, and used on young months alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from

from tasks.data import Panel
from tasks.errors import SettingError
from tasks.health import TASK
from tasks.health.settings import HealthSettings
from tasks.products.newest import last_on_record
from tasks.vintages.delay import FEWEST, Vintage, learn
from tasks.vintages.provisional import Provisional, provisional, settled
from tests.tasks.vintages.reporting import SHARE, archive, final, known_after

LAST = 50
PANEL = final()
VINTAGES = archive(PANEL, LAST - 14, LAST - 1)
NOW = Vintage(known=PANEL.periods[LAST], panel=known_after(PANEL, LAST))


def test_the_delay_is_the_one_that_made_the_records() -> None:
    delay = learn([*VINTAGES, NOW], NOW.known)
    assert delay is not None
    np.testing.assert_allclose(delay.whole[:3], SHARE, atol=0.04)
    np.testing.assert_allclose(delay.share[:, :3], np.tile(SHARE, (4, 1)), atol=0.06)
    assert delay.months_of_country == 2
    assert delay.months.tolist() == [2, 2, 2, 2]
    assert "reporting delay 2 months, learnt from 15 vintages" in delay.line()


def test_a_place_without_cases_of_its_own_leans_on_its_country() -> None:
    panel = replace(PANEL, target=PANEL.target * np.array([1, 1, 1, 0])[:, None])
    delay = learn(archive(panel, LAST - 14, LAST), panel.periods[LAST])
    assert delay is not None
    np.testing.assert_allclose(delay.share[3], delay.whole)


def test_a_few_vintages_or_months_that_do_not_follow_each_other_teach_nothing() -> None:
    assert learn(VINTAGES[:FEWEST], NOW.known) is None
    assert learn(VINTAGES[: FEWEST + 1], NOW.known) is not None
    assert learn(VINTAGES[::2], NOW.known) is None


def test_records_that_come_in_a_month_or_more_after_their_month_teach_the_delay_from_there_on() -> None:
    def late(by: int) -> list[Vintage]:
        cut = [replace(each.panel, target=each.panel.target.copy()) for each in (*VINTAGES, NOW)]
        for panel in cut:
            panel.target[:, -by:] = np.nan
        return [Vintage(known=each.known, panel=panel) for each, panel in zip((*VINTAGES, NOW), cut, strict=True)]

    delay = learn(late(1), NOW.known)
    assert delay is not None
    np.testing.assert_allclose(delay.whole[1:3], SHARE[1:], atol=0.04)
    assert delay.months_of_country == 2
    assert delay.line().endswith("of a final count 79% after 1, 95% after 2 months")
    done = settled(late(1)[-1].panel, late(1)[:-1], NOW.known, "nowcast")
    assert done.young == 4
    assert np.isnan(done.panel.target[:, -1]).all()
    old = learn(late(4), NOW.known)
    assert old is not None
    assert old.months_of_country == 0
    assert old.line().endswith("of a final count 100% after 4 months")


def test_places_without_a_count_in_common_teach_nothing() -> None:
    empty = [
        replace(each, panel=replace(each.panel, target=np.full_like(each.panel.target, np.nan))) for each in VINTAGES
    ]
    assert learn(empty, NOW.known) is None


@settings(max_examples=20)
@given(at=integers(1, 20), value=integers(0, 10**6), way=sampled_from(["mask", "nowcast"]))
def test_no_vintage_of_a_later_month_changes_anything(at: int, value: int, way: Provisional) -> None:
    poisoned = replace(NOW.panel, target=np.full_like(NOW.panel.target, value))
    later = Vintage(known=NOW.known + at, panel=poisoned)
    clean = settled(NOW.panel, VINTAGES, NOW.known, way)
    done = settled(NOW.panel, [*VINTAGES, later], NOW.known, way)
    np.testing.assert_array_equal(done.panel.target, clean.panel.target)
    assert clean.delay is not None
    assert done.delay is not None
    assert done.delay.line() == clean.delay.line()


def test_masked_months_move_the_origin_and_older_ones_stay() -> None:
    done = settled(NOW.panel, VINTAGES, NOW.known, "mask")
    assert done.young == 8
    last = last_on_record(done.panel, TASK.reported(done.panel))
    assert set(last) == {NOW.known - 2}
    np.testing.assert_array_equal(done.panel.target[:, :-2], NOW.panel.target[:, :-2])
    windows = TASK.windows(replace(done.panel, covariates=_weather(done.panel)), HealthSettings())
    assert (
        windows.origin.max() > NOW.known - 2
    )  # a last value is carried on, and `newest` starts from the one on record


def test_completed_counts_are_nearer_to_the_final_ones() -> None:
    done = settled(NOW.panel, VINTAGES, NOW.known, None)
    assert done.way == "nowcast"
    truth = PANEL.target[:, : LAST + 1]
    left, before = (np.abs(panel.target - truth)[:, -2:].sum() for panel in (done.panel, NOW.panel))
    assert left < before / 3
    np.testing.assert_array_equal(done.panel.target[:, :-2], NOW.panel.target[:, :-2])


def test_without_vintages_nothing_is_done_and_nothing_can_be_requested() -> None:
    done = settled(NOW.panel, (), NOW.known, None)
    assert (done.delay, done.way, done.panel) == (None, "keep", NOW.panel)
    with pytest.raises(SettingError, match="provisional=mask needs a reporting delay"):
        settled(NOW.panel, VINTAGES[:3], NOW.known, "mask")


def _weather(panel: Panel) -> dict[str, np.ndarray]:
    return {name: np.ones_like(panel.target) for name in ("rainfall", "mean_temperature", "mean_relative_humidity")}


def by_week(vintage: Vintage, later: int = 0) -> Vintage:
    """The same records a week each, known some days after the last week's end."""
    weeks = np.datetime64("2015-01-04", "D") + 7 * np.arange(len(vintage.panel.periods))
    return Vintage(known=weeks[-1] + later, panel=replace(vintage.panel, periods=weeks, step="week"))


def test_weeks_are_learnt_as_months_are_whatever_the_day_on_which_they_are_read() -> None:
    months = archive(final(), 20, 44)
    delay = learn(months, months[-1].known)
    for later in (0, 6):
        weeks = [by_week(each, later) for each in months]
        weekly = learn(weeks, weeks[-1].known)
        assert delay is not None
        assert weekly is not None
        np.testing.assert_array_equal(weekly.share, delay.share)
        assert weekly.line().startswith(f"reporting delay {delay.months_of_country} week")
        young = provisional(weeks[-1].panel, weekly, weeks[-1].known)
        np.testing.assert_array_equal(young, provisional(months[-1].panel, delay, months[-1].known))
