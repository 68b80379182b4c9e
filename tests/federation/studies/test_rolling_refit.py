"""Walking forward: a year's run knows nothing of its own year or later, and the years' scores are added up once."""

from dataclasses import replace
from itertools import pairwise
from math import isnan, sqrt
from pathlib import Path

import numpy as np
import pytest

from federation.composition.compose import jobs
from federation.reporting.rows import Row
from federation.settings.schema import Settings
from federation.studies.finished_runs import FinishedRun
from federation.studies.rolling_refit import chains, merged
from federation.studies.seed_groups import Group, groups
from federation.studies.task_page import task_page
from tasks.settings import Calendar
from tests.federation.federations import FederationOf, records_in
from tests.federation.studies.test_measures import row, run
from tests.federation.toy import TOY, ToySettings

FIRST = {"task.calendar.train_until": "2004-12", "task.calendar.validate_until": "2006-12"}
YEARS = [("2006-12", "2007-12"), ("2007-12", "2008-12"), ("2008-12", "2009-12")]
ARMS = ("climatology", "local", "adapted")


@pytest.mark.parametrize("name", ["health", "agriculture"])
def test_every_year_is_tested_once_by_a_model_of_what_was_known_before_it(name: str) -> None:
    settings_by_year = {
        job.settings.task.calendar.test_until: job.settings
        for job in jobs("simulate", [f"experiment=refit/{name}"], Settings)
    }
    calendars = [settings.task.calendar for _, settings in sorted(settings_by_year.items())]
    assert len(calendars) > 1
    for one, later in pairwise(calendars):
        assert one.test_until == later.validate_until
        assert (later.cuts()[0] - one.cuts()[0]).astype(int) == 12
    for calendar in calendars:
        calendar.check()
        assert (calendar.cuts()[2] - calendar.cuts()[1]).astype(int) == 12


def test_nothing_after_a_year_reaches_its_run(tmp_path: Path, federation_of: FederationOf) -> None:
    """All after the year's test is other, and its own labels too: the same model, the same forecasts of validation."""
    countries = ("KHM", "VNM")  # a year of smaller ones is no cohort
    calendar = Calendar(train_until="2004-12", validate_until="2006-12", test_until="2007-12")
    data = {name: records_in(tmp_path / name, countries, ToySettings()) for name in ("as it was", "later", "own year")}
    for name, first in (("later", "2008-01"), ("own year", "2007-01")):
        for country in countries:
            _other(data[name] / country / TOY.file, first)
    known, later, own = (
        federation_of(countries, task=ToySettings(calendar=calendar), data=str(folder), arms=["federated", "local"])
        for folder in data.values()
    )
    assert later.outcome.rows == known.outcome.rows
    assert later.outcome.validation == own.outcome.validation == known.outcome.validation
    for name, weights in known.weights.items():
        np.testing.assert_array_equal(weights, own.weights[name])
    assert own.outcome.rows != known.outcome.rows


def _other(file: Path, first: str) -> None:
    lines = file.read_text().splitlines()
    changed = [
        line if line.split(",")[1] < first else ",".join([*line.split(",")[:2], "9.0", "-7.0"]) for line in lines[1:]
    ]
    assert changed != lines[1:]
    file.write_text("\n".join([lines[0], *changed]) + "\n")


def year(
    after: str, until: str, values: dict[str, float], *, n: int, half: float = 0.1, score: str = "log_wis"
) -> FinishedRun:
    rows = [
        replace(row(place, arm, value, score=score), low=value - half, high=value + half, n=n)
        for place in ("LAO", "ASEAN")
        for arm, value in values.items()
    ]
    params = {**run().params, **FIRST, "task.calendar.validate_until": after, "task.calendar.test_until": until}
    return replace(run(), name=until, experiment="refit-health", params=params, rows=rows)


def chain(*numbers: int) -> list[Group]:
    values = [dict(zip(ARMS, (1.0, 0.8, 0.1 * each), strict=True)) for each in (4, 6, 2)]
    runs = [year(*when, scores, n=n) for when, scores, n in zip(YEARS, values, numbers, strict=False)]
    (one,) = chains(groups(runs))
    return one


def test_the_years_count_by_what_was_scored_in_them() -> None:
    row = merged(chain(100, 300))["LAO", "adapted"]
    assert row.value == pytest.approx((100 * 0.4 + 300 * 0.6) / 400)
    # Two years are two blocks: residuals 100 (.4 - .55) and 300 (.6 - .55), twice their squares, Student's 12.7.
    assert row.high - row.value == pytest.approx(12.7062 * sqrt(2 * (15**2 + 15**2)) / 400, rel=1e-5)
    assert row.low == pytest.approx(2 * row.value - row.high)
    assert row.n == 400


def test_a_year_that_was_withheld_counts_nowhere() -> None:
    assert merged(chain(100, 0, 100))["LAO", "adapted"].value == pytest.approx(0.3)
    assert isnan(merged(chain(100, 0))["LAO", "adapted"].low)  # of one year there is no spread


def test_years_that_do_not_follow_one_another_are_no_chain() -> None:
    first, _, third = (year(*when, {"adapted": 1.0}, n=9) for when in YEARS)
    assert chains(groups([first, third])) == []
    assert chains(groups([first])) == []
    assert (
        chains(groups([first, replace(year(*YEARS[1], {"adapted": 1.0}, n=9), params={**third.params, "rounds": "9"})]))
        == []
    )


def test_a_skill_is_that_of_the_added_scores() -> None:
    drought = {"task.name": "disaster", "task.hazard": "drought"}
    rows: list[tuple[float, float]] = [(0.10, 0.2), (0.06, 0.1)]  # Brier scores, of the arm and of the climatology
    runs = []
    for when, (mine, usual), n in zip(YEARS, rows, (100, 300), strict=False):
        one = year(*when, {"adapted": mine, "cell_climatology": usual}, n=n, score="brier")
        runs.append(replace(one, params={**one.params, **drought}))
    (whole,) = chains(groups(runs))
    both = merged(whole)
    assert both["LAO", "adapted"].value == pytest.approx(1 - (10 + 18) / (20 + 30))
    assert both["LAO", "cell_climatology"].value == 0.0
    assert both["LAO", "adapted"].low < both["LAO", "adapted"].value < both["LAO", "adapted"].high


def test_the_page_shows_the_chain_and_no_year_of_it_by_itself(tmp_path: Path) -> None:
    text = task_page(groups([run(), *_runs()]), [], tmp_path)
    before, after = text.split("## Fitted anew every year")
    assert "| LAO | 1.000 [1.000, 1.000] | 0.800 [0.800, 0.800] | 0.550 [-0.403, 1.503] | 400 |" in after
    assert "tested after 2006-12, until 2008-12, 2 years by themselves; seeds 1." in after
    assert before.count("best rounds and corrections") == 1


def _runs() -> list[FinishedRun]:
    return [finished for group in chain(100, 300) for finished in group.runs]


def test_rows_are_of_the_test() -> None:
    assert all(isinstance(each, Row) and each.part == "test" for each in merged(chain(100, 300)).values())
