"""Counts as they were on record at every origin: nothing younger enters, and a forecast of today agrees with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.data import Array, Panel, Windows
from tasks.errors import SettingError
from tasks.health_weekly import TASK
from tasks.health_weekly.reporting import simulated
from tasks.health_weekly.settings import HealthWeeklySettings
from tasks.vintages import triangle
from tasks.vintages.delay import Vintage
from tasks.vintages.provisional import settled

SHARES = [0.5, 0.9]
COUNTS = ("known", "nowcast")


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    folder = tmp_path_factory.mktemp("weeks")
    TASK.synthesize(folder, "LAO", 1, HealthWeeklySettings())
    return TASK.read(folder, "LAO", HealthWeeklySettings(counts="known", simulated_delay=SHARES))


def triangle_of(panel: Panel) -> Array:
    assert panel.known is not None
    return panel.known


def by_name(panel: Panel, windows: Windows, settings: HealthWeeklySettings) -> dict[str, Array]:
    baselines = {name: each(panel, windows, settings) for name, each in TASK.baselines.items()}
    thresholds = {} if windows.threshold is None else {"threshold": windows.threshold}
    return {**windows.inputs, **windows.restore, **baselines, **thresholds, "origin": windows.origin}


@pytest.mark.parametrize("counts", COUNTS)
def test_nothing_that_came_in_after_an_origin_enters(panel: Panel, counts: str) -> None:
    settings = HealthWeeklySettings(counts=counts)
    last = int(np.searchsorted(panel.periods, np.datetime64("2019-01-01")))  # counts of the old year still come in
    known, end = triangle_of(panel).copy(), panel.periods[last]
    for age in range(len(known)):
        known[age, :, last + 1 - age :] = 999  # on record at the end of a later week
    final = np.where(np.arange(len(panel.periods)) + len(known) - 1 > last, 999, panel.target)
    poisoned = replace(panel, known=known, target=final)
    before, after = (TASK.windows(each, settings) for each in (panel, poisoned))
    before, after = (each.take((each.origin <= end) & (each.origin > end - 7 * 9)) for each in (before, after))
    one, two = by_name(panel, before, settings), by_name(poisoned, after, settings)
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)
    assert not np.array_equal(before.observed, after.observed, equal_nan=True), "the poison is in the labels"


def test_a_past_origin_knows_what_a_forecaster_of_that_day_knew(panel: Panel) -> None:
    known = triangle_of(panel)
    completed = triangle.completed(known, "week")
    for at in (120, 300, len(panel.periods) - 1):
        then = replace(
            panel,
            periods=panel.periods[: at + 1],
            target=triangle.on_record(panel.target[:, : at + 1], known[..., : at + 1]),
            known=None,
        )
        cut = replace(panel, periods=then.periods, target=then.target, known=known[..., : at + 1])
        archive = [Vintage(known=each.known, panel=each.panel) for each in triangle.vintages(cut)]
        done = settled(then, archive, then.periods[-1], "nowcast")
        assert done.young > 0
        for age in range(len(known)):
            np.testing.assert_allclose(completed[age, :, at], done.panel.target[:, at - age], rtol=1e-12)
        np.testing.assert_array_equal(settled(cut, (), cut.periods[-1] + 400, None).panel.target, done.panel.target)


def test_completed_counts_are_nearer_to_the_final_ones_and_the_delay_is_found(panel: Panel) -> None:
    known, final = triangle_of(panel), triangle.seen(np.broadcast_to(panel.target, triangle_of(panel).shape))
    learnt = slice(60, None)
    np.testing.assert_allclose(triangle.shares(known)[:, :, learnt].mean(axis=(1, 2)), [*SHARES, 1], atol=0.03)
    off = [
        np.nanmean(np.abs(each - final)[0, :, learnt])
        for each in (triangle.seen(known), triangle.completed(known, "week"))
    ]
    assert off[1] < off[0] / 2


def test_a_file_of_reports_is_read_as_of_a_day(tmp_path: Path) -> None:
    weeks = np.datetime64("2010-01-03") + 7 * np.arange(30)
    rows = [f"{week},TW-1,10" for week in weeks] + [f"{week},TW-2,0" for week in weeks]
    (tmp_path / "health_weekly.csv").write_text("time_period,location,disease_cases\n" + "\n".join(rows) + "\n")
    reports = [f"{week},TW-1,{week + 7 * age},{count}" for week in weeks for age, count in ((0, 4), (2, 10))]
    (tmp_path / "health_weekly_reports.csv").write_text(
        "time_period,location,known_at,disease_cases\n" + "\n".join(reports) + "\n"
    )
    until = weeks[20] + 3  # three days into the week after
    panel = TASK.upcoming(tmp_path, "TWN", HealthWeeklySettings(), until) if TASK.upcoming else None
    assert panel is not None
    assert panel.target[0, -4:].tolist() == [10, 10, 4, 4]
    known = triangle_of(panel)
    assert known[:3, 0, 5].tolist() == [4, 4, 10]
    assert np.isnan(known[1:, 0, -1]).all()
    assert np.isnan(known[:, 1]).all(), "nobody kept how the other county's counts came in"


def test_what_cannot_be_is_refused() -> None:
    for settings, words in (
        (HealthWeeklySettings(counts="later"), "choose final, known, nowcast"),
        (HealthWeeklySettings(counts="known", simulated_delay=[0.9, 0.5]), "rising shares"),
        (HealthWeeklySettings(simulated_delay=[0.5]), "does nothing"),
    ):
        with pytest.raises(SettingError, match=words):
            settings.check()


def test_a_simulated_delay_is_the_same_each_time(panel: Panel) -> None:
    np.testing.assert_array_equal(simulated(replace(panel, known=None), SHARES).known, panel.known)
