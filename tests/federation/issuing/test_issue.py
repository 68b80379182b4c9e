"""The issue of a month: made from the champion and the records, archived, approved, handed on, and made again."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from federation import forecasting
from federation.cli import main
from federation.errors import ConfigError
from federation.issuing import archive, release
from federation.issuing.issue import Made, Wanted, make
from federation.issuing.pages import report_in
from federation.issuing.remake import remade
from tasks.files.check import check
from tasks.products.replaced import read_alert
from tests.federation.issuing.champions import stated, written
from tests.tasks.products.cap_standard import problems


@pytest.fixture
def home(tmp_path: Path, runs: Path) -> Path:
    """Of a simulated country's node, with its own copy of the records."""
    shutil.copytree(runs / "june" / "data" / "VNM", tmp_path / "records" / "VNM")
    written(tmp_path / "june.champion", runs / "june", stated())
    return tmp_path / "home"


def wanted(home: Path, **changes: object) -> Wanted:
    values: dict[str, object] = {
        "home": home,
        "country": "VNM",
        "task": "health",
        "data": home.parent / "records",
        "champion": home.parent / "june.champion",
        "sent": datetime(2009, 1, 5, 12, tzinfo=UTC),
        "played": True,
        "cost_loss": 0.01,
        "samples": 10,
    }
    return Wanted(**{**values, **changes})  # type: ignore[arg-type]


def issue(home: Path, *words: str) -> None:
    place = home.parent
    given = ("country=VNM", f"data={place / 'records'}", f"home={home}", "task=health", "today=2009-01-05")
    main(["node", "issue", *given, f"champion={place / 'june.champion'}", "cost_loss=0.01", "samples=10", *words])


def decide(home: Path, do: str, name: str, *words: str) -> None:
    main(["node", do, f"issue={name}", "by=Linh", f"home={home}", *words])


def correct(home: Path) -> None:
    """More cases in the last month than the ministry first counted."""
    path = home.parent / "records" / "VNM" / "health.csv"
    lines = path.read_text().splitlines()
    at = max(number for number, line in enumerate(lines) if line.startswith("2008-12"))
    cells = lines[at].split(",")
    column = lines[0].split(",").index("disease_cases")
    cells[column] = str(int(float(cells[column] or 0)) + 50)
    lines[at] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")


def outbox(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_nothing_is_handed_on_before_somebody_approves(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "outbox"
    issue(home, f"to={out}")
    said = capsys.readouterr().out
    assert "issue health/2008-12/1: draft" in said
    assert "offline" not in said  # a person named the file
    assert not out.exists()
    decide(home, "annotate", "health/2008-12/1", "reason=two districts strike, it's said: for a week")
    decide(home, "hold", "health/2008-12/1", "reason=call the districts")
    with pytest.raises(ConfigError, match="is held; approve it first"):
        release.release(archive.issue_of(home, "health/2008-12/1"), out)
    issue(home, f"to={out}")
    assert "nothing has changed since it was made\nissue health/2008-12/1: held" in capsys.readouterr().out
    assert not out.exists()
    decide(home, "approve", "health/2008-12/1")
    stem = "VNM-health-2008-12-1"
    names = [f"{stem}.{name}" for name in ("cap.xml", "chap.csv", "hubverse.csv")]
    assert outbox(out) == sorted([*names, *(f"{name}.about.json" for name in names), f"{stem}.release.json"])
    assert problems((out / names[0]).read_text()) == []
    slip = json.loads((out / f"{stem}.release.json").read_text())
    assert [each["do"] for each in slip["decisions"]] == ["annotate", "hold", "approve"]
    made = archive.issue_of(home, "health/2008-12/1")
    released = "".join(path.read_text() for path in out.iterdir())
    assert not [digest for digest in made.content.records.values() if digest in released]  # of a file it is a check on
    raw = json.loads((made.folder / "issue.json").read_text())
    assert len(bytes.fromhex(raw["nonce"])) == 32
    assert slip["decisions"][0]["reason"] == "two districts strike, it's said: for a week"
    with pytest.raises(SystemExit):
        decide(home, "annotate", "health/2008-12/1", "reason=late")
    assert "is released, and its notes with it" in capsys.readouterr().err


def test_corrected_records_make_a_re_issue_whose_alert_replaces_the_released_one(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "outbox"
    issue(home, f"to={out}", "approval=none")
    first = archive.issue_of(home, "health/2008-12/1")
    assert first.state == "released"
    assert first.decisions[0].by == "nobody (approval=none)"
    before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    correct(home)
    issue(home, f"to={out}", "approval=none")
    second = archive.issue_of(home, "health/2008-12/2")
    alerts = [read_alert(archive.product_of(each, "cap.xml").decode()) for each in (first, second)]
    assert [each.kind for each in alerts] == ["Alert", "Update"]
    assert second.content.replaces == alerts[0].identifier != alerts[1].identifier
    assert alerts[0].reference in (second.folder / "cap.xml").read_text()
    assert {path: path.read_bytes() for path in before} == before
    assert first.content.records != second.content.records
    assert remade(second).differ == ()  # with the alert that it replaced then
    issue(home, f"to={out}", "approval=none")
    assert [each.number for each in archive.issues(home)] == [1, 2]
    assert len(outbox(out)) == 14


def test_an_alert_that_nobody_released_is_not_replaced_and_a_superseded_draft_not_approved(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    issue(home)
    correct(home)
    issue(home)
    assert archive.issue_of(home, "health/2008-12/2").content.replaces == ""
    with pytest.raises(SystemExit):
        decide(home, "approve", "health/2008-12/1")
    assert "health/2008-12/2 is newer; approve that one" in capsys.readouterr().err
    decide(home, "approve", "health/2008-12/2")
    assert "nothing is handed on yet; say where" in capsys.readouterr().out


def test_the_countrys_own_arm_is_issued_where_its_vault_keeps_one_and_said(home: Path, runs: Path) -> None:
    own = make(wanted(home, vault=runs / "june" / forecasting.VAULT)).issue
    assert own.content.arm == "adapted"
    assert "arm adapted: made in this country's vault for it alone" in own.content.said
    region = make(wanted(home)).issue
    assert (region.content.arm, region.number) == ("federated", 2)
    assert region.content.digests["own"] == ""
    for each in (own, region):
        again = remade(each)
        assert (again.differ, again.largest, again.same_code) == ((), 0.0, True)
    assert not (archive.forecast_of(own).values == archive.forecast_of(region).values).all()


MISTAKES = {
    "country": ("country=VNX", "did you mean VNM?"),
    "data": ("data=elsewhere", "data=elsewhere is not there"),
    "approval": ("approval=never", "approval=never is none of required, none"),
    "champion": ("champion=elsewhere", "elsewhere is not there, or no file"),
    "vault": ("vault=gone.sqlite", "vault=gone.sqlite is not there"),
    "sender": ("sender='a b'", "sender='a b'"),
    "arm": ("arm=issued", "the vault of VNM knows no test of run june; arm=federated needs none"),
    "age": ("today=2009-04-01", "records/VNM/health.csv: the newest record is of 2008-12"),
    "no key": ("approved=none", "did you mean approval"),
}


@pytest.mark.parametrize(("word", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_archives_nothing(
    word: str, said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        issue(home, word)
    err = capsys.readouterr().err
    assert (ended.value.code, err.count("\n")) == (1, 1)
    assert said in err
    assert archive.issues(home) == []


def test_an_outbox_that_is_gone_keeps_no_later_issue_back(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    issue(home, "origin=2008-11", f"to={tmp_path / 'file' / 'outbox'}")
    with pytest.raises(SystemExit):
        decide(home, "approve", "health/2008-11/1")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        issue(home, f"to={tmp_path / 'outbox'}", "approval=none")
    assert ended.value.code == 1
    assert "issue=health/2008-11/1 is approved and not handed on: to=" in capsys.readouterr().err
    assert archive.issue_of(home, "health/2008-12/1").state == "released"


def test_an_archive_is_one_countrys(home: Path, runs: Path) -> None:
    make(wanted(home))
    with pytest.raises(ConfigError, match="holds the issues of VNM; give LAO a home of its own"):
        make(wanted(home, country="LAO", data=runs / "june" / "data"))


def test_a_forecast_is_made_again_from_its_vintage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    issue(home)
    correct(home)
    shutil.rmtree(home.parent / "records")
    (home.parent / "june.champion").unlink()
    capsys.readouterr()
    words = ["node", "issue", f"home={home}", "task=health"]
    main([*words, "as_of=2009-01-05"])
    assert capsys.readouterr().out.endswith("the same, bit by bit\n")
    with pytest.raises(SystemExit):
        main([*words, "as_of=2009-01-04"])
    assert "issued nothing of task health until then" in capsys.readouterr().err


def test_a_warning_that_the_country_accepted_is_not_said_again(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = home.parent / "records" / "VNM"
    for each in folder.glob("*.oracle.npz"):
        each.unlink()
    path = folder / "health.csv"
    lines = path.read_text().splitlines()
    at, column = len(lines) - 30, lines[0].split(",").index("disease_cases")
    cells = lines[at].split(",")
    lines[at] = ",".join([*cells[:column], "<5", *cells[column + 1 :]])
    path.write_text("\n".join(lines) + "\n")
    make(wanted(home))
    assert f"list them: gotong data check {path}" in caplog.text
    entries = [f'[[accepted]]\nid = "{each.id}"\nreason = "the agency hides them"\n' for each in check(path)]
    (folder / "accepted.toml").write_text("".join(entries))
    caplog.clear()
    make(wanted(home))
    assert "data check" not in caplog.text


def test_it_works_offline_from_the_champion_it_holds_and_says_so(home: Path) -> None:
    first = make(wanted(home))
    (home.parent / "june.champion").unlink()
    correct(home)
    second = make(wanted(home, champion=None))
    assert second.said[-1].startswith("offline: no courier has asked the coordinator")
    assert (first.issue.content.run, second.issue.number) == (second.issue.content.run, 2)


def test_an_expired_alert_is_left_out_with_its_reason_and_the_rest_is_written(home: Path) -> None:
    issue = make(wanted(home, sent=datetime.now(UTC), origin="2008-12", played=False)).issue
    assert issue.content.unwritten == {"cap": "2009-03, the last month of this forecast, is over"}
    assert "hubverse.csv" in issue.content.products


def killed_at(step: int, home: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run everything, and stop it before its `step`-th write to the disk; whether there was such a write."""
    count = 0

    def stopping(source: str, target: str) -> None:
        nonlocal count
        count += 1
        if count == step:
            raise KeyboardInterrupt
        original(source, target)

    original = os.replace
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stopping)
        try:
            everything(home)
        except KeyboardInterrupt:
            return True
    return False


def everything(home: Path) -> Made:
    made = make(wanted(home, to=home.parent / "outbox"))
    if made.issue.state == "draft":
        release.decided(made.issue, "approve", by="Linh", reason="")
    release.release(archive.read(made.issue.folder), home.parent / "outbox")
    return made


def test_killed_between_writes_and_run_again_nothing_is_twice_and_nothing_lost(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = everything(home)
    expected = outbox(home.parent / "outbox")
    steps = -2
    while True:
        steps += 3  # a third of them, for time; scripts/prove kills processes
        shutil.rmtree(home)
        shutil.rmtree(home.parent / "outbox")
        if not killed_at(steps, home, monkeypatch):
            break
        everything(home)
        [only] = archive.issues(home)
        assert only.state == "released"
        assert [each.do for each in only.decisions] == ["approve", "release"]
        assert only.content.products == done.issue.content.products
        assert outbox(home.parent / "outbox") == expected
        assert not list(home.rglob("*.new"))
    assert steps > 15


def test_its_page_stays_at_home_and_says_what_became_of_the_issue_before(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "outbox"
    issue(home, "today=2008-12-05", f"to={out}", "approval=none")
    issue(home, "today=2009-01-05", f"to={out}", "approval=none")
    first, second = (archive.issue_of(home, f"health/{month}/1") for month in ("2008-11", "2008-12"))
    assert [name for name in outbox(out) if "page" in name] == []
    before, now = (report_in(each) for each in (first, second))
    assert (before.since, before.checked) == (None, None)
    assert now.since is not None
    assert now.checked is not None
    truth = {place.place: place.seen[-1] for place in now.places if place.until == "2008-12"}
    assert {row.place: row.observed for row in now.checked.rows} == {
        row.place: truth[row.place] for row in now.checked.rows
    }
    chances = {(place.place, step.due): step.chance for place in now.places for step in place.steps}
    earlier = {(place.place, step.due): step.chance for place in before.places for step in place.steps}
    for change in now.since.changes:
        key = (change.place, change.due)
        assert (change.now, change.before) == (chances[key], earlier[key])
    assert now.since.both == len({*chances} & {*earlier})
    html = (second.folder / "page.html").read_text()
    assert "What changed since the last forecast" in html
    assert f"{now.checked.happened} events in {now.checked.known} places and months" in html
    main(["node", "report", f"issue={second.name}", f"home={home}", f"to={tmp_path / 'again.html'}"])
    assert (tmp_path / "again.html").read_text() == html
