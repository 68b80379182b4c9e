"""The issue of a week and of a month in one home: named by the day, made again bit by bit, and read by the archive."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from federation.cli import main
from federation.issuing import archive
from federation.issuing.issue import Wanted, make
from federation.issuing.remake import remade
from tests.federation.issuing.champions import stated, written

SMALL = ("tracking=none", "rounds=1", "task.hidden=[]", "training.epochs=1", "region.countries=[LAO,VNM]")


def wanted(home: Path, task: str, run: str, sent: datetime) -> Wanted:
    return Wanted(
        home=home,
        country="VNM",
        task=task,
        data=home.parent / "records",
        champion=home.parent / f"{run}.champion",
        sent=sent,
        played=True,
        cost_loss=0.01,
        samples=10,
    )


def test_weeks_and_months_are_issued_in_one_home(runs: Path, tmp_path: Path) -> None:
    weekly = ("task=health", "task.calendar.step=week", "name=weeks", "arms=[federated,local,adapted]")
    main(["simulate", *weekly, f"runs={runs}", *SMALL])
    records = tmp_path / "records" / "VNM"
    for run, task in (("june", "health"), ("weeks", "health_weekly")):
        shutil.copytree(runs / run / "data" / "VNM", records, dirs_exist_ok=True)
        written(tmp_path / f"{run}.champion", runs / run, stated(task=task))
    month = make(wanted(tmp_path / "home", "health", "june", datetime(2009, 1, 5, 12, tzinfo=UTC)))
    tuesday = wanted(tmp_path / "home", "health_weekly", "weeks", datetime(2019, 12, 24, 12, tzinfo=UTC))
    week = make(tuesday)
    assert [each.name for each in archive.issues(tmp_path / "home")] == [
        "health/2008-12/1",
        "health_weekly/2019-12-21/1",
    ]
    content = week.issue.content
    assert (content.as_of, list(content.records)) == ("2019-12-23", ["health_weekly.csv"])
    assert {"hubverse.csv", "hubverse_target_data.json", "chap.csv"} <= set(content.products)
    assert any("records 0 weeks old" in line for line in content.said)
    forecast = archive.forecast_of(week.issue)
    assert (forecast.due[0] - forecast.origin[0]).astype(int).tolist() == [7, 14, 28, 56]
    assert archive.forecast_of(month.issue).due.dtype == np.dtype("datetime64[M]")
    assert not make(tuesday).new
    for each in (month, week):
        again = remade(each.issue)
        assert (again.differ, again.largest) == ((), 0)
