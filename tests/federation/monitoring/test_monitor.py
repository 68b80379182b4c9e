"""Issued forecasts with what happened: scores by hand, a forecast that goes wrong, and truth of a stated vintage."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federation.issuing import archive
from federation.issuing.archive import Issue
from federation.monitoring.monitor import SKILL, Monitored, monitor
from federation.monitoring.report import as_json, lines, log_line
from federation.monitoring.scored import monitored
from federation.monitoring.truth import Truth
from tasks.data import Panel
from tasks.settings import TaskSettings
from tasks.vintages.delay import Vintage
from tests.federation.monitoring.issued_toy import COUNTRY, SETTINGS, country, issue, panel_of
from tests.federation.toy import FIRST, TOY

BEGIN, WRONG, END = 96, 112, 117  # months of the first issue, the first wrong one, and the last; two more are on record
STUDY = replace(SETTINGS, calendar=replace(SETTINGS.calendar, train_until="2004-12", validate_until="2006-12"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    folder = country(home)
    for month in range(BEGIN, END + 1):
        issue(home, folder, month, error=2.0 if month >= WRONG else 0.0, corrected=-0.5)
    issue(home, folder, BEGIN + 3, error=9.0, late=6)  # made after the fact
    archive.decide(issue(home, folder, BEGIN + 5, error=9.0), "hold", by="Linh")
    return home


def known(each: Issue) -> tuple[TaskSettings, Panel]:
    with archive.records_of(each) as folder:
        return STUDY, panel_of(folder)


def truth_of(home: Path, lag: int | None) -> Truth:
    old = [
        Vintage(known=np.datetime64(each.content.origin, "M"), panel=known(each)[1])
        for each in monitored(archive.issues(home))[0]
    ]
    now = Vintage(known=FIRST + END + 2, panel=panel_of(home / "data"))
    return Truth(task=TOY, vintages=(*old, now), lag=lag)


def done(home: Path, lag: int | None = None) -> Monitored:
    return monitor(TOY, COUNTRY, archive.issues(home, "toy"), known, truth_of(home, lag))


def test_scores_are_those_of_the_forecasts_that_went_out(home: Path) -> None:
    result = done(home)
    assert result.issues == END - BEGIN + 1
    assert result.after_the_fact == (f"toy/{FIRST + BEGIN + 3}/2",)
    panel, errors = panel_of(home / "data"), []
    for each in monitored(archive.issues(home))[0]:
        forecast = archive.forecast_of(each)
        at = (forecast.due - FIRST).astype(int)
        there = at < panel.target.shape[1]
        observed = panel.target[np.arange(len(forecast.places))[:, None], np.where(there, at, 0)]
        errors.append(np.square(forecast.values[..., 0] - observed)[there])
    [mse] = [row for row in result.scores if row.score == "mse"]
    assert mse.issued == pytest.approx(np.concatenate(errors).mean())
    assert mse.n == len(np.concatenate(errors))
    assert result.baseline == "zero"
    assert result.difference == pytest.approx(mse.issued - mse.baseline)


def test_a_forecast_that_goes_wrong_raises_an_alarm_of_skill_and_none_before(home: Path) -> None:
    [skill] = [chart for chart in done(home).charts if chart.what == SKILL]
    assert [alarm.month for alarm in skill.alarms][:1] == [str(FIRST + WRONG + 3)]
    assert skill.alarms[0].since >= str(FIRST + WRONG)
    before = truth_of(home, None)
    early = replace(before, vintages=(replace(before.vintages[-1], known=FIRST + WRONG),))
    issues = [each for each in archive.issues(home) if each.content.origin < str(FIRST + WRONG)]
    assert monitor(TOY, COUNTRY, issues, known, early).alarms() == []


def test_truth_at_a_lag_is_what_was_known_then(home: Path) -> None:
    first, corrected, now = (done(home, lag).scores[0].issued for lag in (0, 1, None))
    assert first != pytest.approx(corrected, rel=0.01)
    assert corrected != pytest.approx(now, rel=1e-6)  # the newest months are not old enough
    poisoned = truth_of(home, 1)
    last = poisoned.vintages[-1]
    last.panel.target[:, : END - 4] = 1e6
    assert monitor(TOY, COUNTRY, archive.issues(home), known, poisoned).scores[0].issued == pytest.approx(corrected)


def test_what_the_model_has_learnt_from_is_not_scored(home: Path) -> None:
    def learnt(each: Issue) -> tuple[TaskSettings, Panel]:
        settings, panel = known(each)
        calendar = replace(settings.calendar, validate_until=str(FIRST + BEGIN + 6), test_until="2009-12")
        return replace(settings, calendar=calendar), panel

    result = monitor(TOY, COUNTRY, archive.issues(home), learnt, truth_of(home, None))
    assert result.months[0] == str(FIRST + BEGIN + 7)
    assert result.seen > 0


def test_the_report_names_the_alarm_until_it_was_reviewed(home: Path) -> None:
    result = done(home)
    month = next(chart for chart in result.charts if chart.what == SKILL).alarms[0].month
    assert log_line(result, "").startswith(f"LAO toy until 2008-12: alarm: skill {month} (since ")
    assert "no alarm" in log_line(result, "2008-12")
    assert any(line.startswith("skill") and "(reviewed)" in line for line in lines(result, "2008-12"))
    assert json.loads(as_json(result, ""))["open_alarms"][0]["chart"] == "skill"
    assert json.loads(as_json(result, "2008-12"))["open_alarms"] == []
