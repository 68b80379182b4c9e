"""`gotong node monitor` on issues of a small run, and what later issues know of reporting delays."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from federation.cli import main
from federation.issuing import archive
from federation.issuing.issue import Wanted, make
from federation.issuing.remake import remade
from federation.issuing.vintages import before
from federation.monitoring.charts import Alarm
from tests.federation.issuing.champions import stated, written

YOUNG = 0.5  # of the cases of the newest month that are on record at its end


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, runs: Path) -> Path:
    """A node that issued every month of 2008-06 to 2008-12, whose newest month lacks half of its cases each time."""
    place = tmp_path_factory.mktemp("monitored")
    shutil.copytree(runs / "june" / "data" / "VNM", place / "records" / "VNM")
    written(place / "june.champion", runs / "june", stated())
    for month in range(6, 13):
        make(wanted(place / "home", month))
    return place / "home"


def wanted(home: Path, month: int) -> Wanted:
    """The issue of a month of 2008, from records as they were known at its end."""
    as_known = home.parent / "known" / "VNM"
    as_known.mkdir(parents=True, exist_ok=True)
    head, *rows = (home.parent / "records" / "VNM" / "health.csv").read_text().splitlines()
    column, now = head.split(",").index("disease_cases"), f"2008-{month:02d}"
    known = [halved(row, column, now) for row in rows if row[:7] <= now]
    (as_known / "health.csv").write_text("\n".join([head, *known]) + "\n")
    return Wanted(
        home=home,
        country="VNM",
        task="health",
        data=as_known.parent,
        champion=home.parent / "june.champion",
        sent=datetime(2008 + month // 12, month % 12 + 1, 5, 12, tzinfo=UTC),
        played=True,
        samples=10,
    )


def halved(row: str, column: int, month: str) -> str:
    cells = row.split(",")
    if cells[0] == month and cells[column]:
        cells[column] = str(int(float(cells[column]) * YOUNG))
    return ",".join(cells)


def monitored(home: Path, *words: str) -> None:
    given = ("country=VNM", f"data={home.parent / 'records'}", f"home={home}", "today=2009-01-05")
    main(["node", "monitor", *given, *words])


def test_a_delay_is_learnt_from_what_was_issued_and_makes_the_same_forecast_again(home: Path) -> None:
    first, *_, last = archive.issues(home)
    assert any(line.startswith("reporting delay unknown") for line in first.content.said)
    [line] = [line for line in last.content.said if line.startswith("reporting delay")]
    assert line.startswith("reporting delay 1 month, learnt from 7 vintages: of a final count 5")
    assert line.endswith("completed")
    about = json.loads(archive.product_of(last, "hubverse.csv.about.json"))
    assert (about["reporting_delay_months"], about["provisional"]) == (1, "nowcast")
    assert "reporting delay 1 month" in archive.product_of(last, "cap.xml").decode()
    again = remade(last)
    assert (again.differ, again.largest) == ((), 0.0)


def test_no_issue_of_a_later_day_is_a_vintage(home: Path) -> None:
    issues = archive.issues(home)
    at = datetime(2008, 10, 5, 12, tzinfo=UTC)
    assert [each.content.origin for each in before(issues, sent=at, made_at=None, played=True)] == [
        f"2008-{month:02d}" for month in range(6, 9)
    ]
    assert before(issues, sent=at, made_at=None, played=False) == []  # files of an exercise are younger than they say


def test_monitoring_scores_what_was_issued_and_says_where_it_wrote(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monitored(home)
    said = capsys.readouterr().out
    assert "VNM health: 7 issues, 4 months scored, 2008-07 to 2008-10, against records as known 2 months after" in said
    written_file = home / "monitoring" / "health.json"
    assert str(written_file) in said
    content = json.loads(written_file.read_text())
    assert content["open_alarms"] == []
    assert {chart["what"] for chart in content["charts"]} >= {"skill", "target up", "rainfall down"}
    assert {row["score"] for row in content["scores"]} >= {"log_wis", "wis", "coverage_50", "mae"}
    monitored(home, "lag=now")
    assert "7 issues, 6 months scored, 2008-07 to 2008-12, against records of now" in capsys.readouterr().out


def test_an_alarm_is_an_exit_code_until_a_person_reviewed_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def always(normal: object, _: float) -> tuple[object, list[Alarm]]:
        return normal, [Alarm(at=2, since=1)]

    monkeypatch.setattr("federation.monitoring.monitor.cumulative", always)
    monkeypatch.setattr("federation.monitoring.scored.strongest", lambda *_: "flat_persistence")
    with pytest.raises(SystemExit) as left:
        monitored(home)
    assert left.value.code == 3
    capsys.readouterr()
    monitored(home, "reviewed=2008-12")
    monitored(home)  # remembered
    assert "(reviewed)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["lag=soon"], "lag=soon: write 0 to 24 months, or now"),
        (["task=disaster"], "has issued nothing for VNM of task disaster"),
        (["reviewed=may"], "'may' is no month"),
        (["reviewed=NaT"], "'NaT' is no month"),
        (["reviewed=2999-01"], "reviewed=2999-01 is yet to come"),
        (["country=LAO"], "has issued nothing for LAO"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], line: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        monitored(home, *words)
    assert left.value.code == 1
    assert line in capsys.readouterr().err


def test_what_is_archived_later_changes_no_earlier_forecast(home: Path) -> None:
    [last] = archive.issues(home, "health", "2008-12")
    path = home.parent / "records" / "VNM" / "health.csv"
    whole = path.read_text()
    head, *rows = whole.splitlines()
    column = head.split(",").index("disease_cases")
    path.write_text("\n".join([head, *(poisoned(row, column) for row in rows)]) + "\n")
    later = make(replace(wanted(home, 12), sent=datetime(2009, 2, 5, 12, tzinfo=UTC)))
    path.write_text(whole)
    assert later.new
    again = remade(last)
    assert (again.differ, again.largest) == ((), 0.0)


def poisoned(row: str, column: int) -> str:
    cells = row.split(",")
    cells[column] = str(3 * int(float(cells[column]))) if cells[column] else ""
    return ",".join(cells)
