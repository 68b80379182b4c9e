"""The archive of a node: what is in it stays as it was, and what is not whole is not in it."""

import stat
from pathlib import Path

import numpy as np
import pytest

from federation.errors import ArchiveError, ConfigError
from federation.issuing import archive
from federation.issuing.archive import Issue
from tests.federation.issuing.archive_content import content, forecast


def archived(home: Path) -> Issue:
    national = home / "health.csv"
    national.write_text("month,cases\n")
    with archive.locked(home):
        records = archive.keep_records(home, {"health.csv": national})
        return archive.write(home, content(records=records), forecast(), {"hubverse.csv": b"value\n"})


def test_what_was_written_is_read_and_numbered(tmp_path: Path) -> None:
    first, second = archived(tmp_path), archived(tmp_path)
    assert [each.name for each in archive.issues(tmp_path)] == ["health/2008-12/1", "health/2008-12/2"]
    assert archive.issue_of(tmp_path, "health/2008-12/2") == second
    kept, expected = archive.forecast_of(first), forecast()
    assert (kept.places, kept.levels) == (expected.places, expected.levels)
    for name in ("origin", "due", "values"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(expected, name))
    assert archive.product_of(first, "hubverse.csv") == b"value\n"
    with archive.records_of(first) as folder:
        assert (folder / "health.csv").read_text() == "month,cases\n"
    assert not folder.exists()
    files = [path for path in (tmp_path / "issues").rglob("*") if path.is_file() and path.name != ".lock"]
    assert len(files) == 7  # three of each issue, and one of the records that both rest on
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o444}


def test_an_issue_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archived(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            archived(tmp_path)
    assert [each.number for each in archive.issues(tmp_path)] == [1]
    assert archived(tmp_path).number == 2
    assert not list(tmp_path.rglob(".*.new"))


@pytest.mark.parametrize("name", ["issue.json", "forecast.gotong", "hubverse.csv", "records", "decisions/0001.json"])
def test_a_file_that_was_changed_is_said(name: str, tmp_path: Path) -> None:
    issue = archived(tmp_path)
    archive.decide(issue, "annotate", by="Linh", reason="rain")
    digest = issue.content.records["health.csv"]
    path = tmp_path / "issues/records" / digest if name == "records" else issue.folder / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"e", b"f", 1))
    with pytest.raises(ArchiveError, match="restore it from a backup"):
        read_all(issue.folder)


def read_all(folder: Path) -> None:
    issue = archive.read(folder)
    archive.forecast_of(issue)
    archive.product_of(issue, "hubverse.csv")
    with archive.records_of(issue):
        pass


def test_decisions_are_taken_in_order_and_once(tmp_path: Path) -> None:
    issue = archived(tmp_path)
    assert issue.state == "draft"
    with pytest.raises(ConfigError, match="is draft, and release takes one that is approved"):
        archive.decide(issue, "release", by="Linh")
    for do, state in (("annotate", "draft"), ("hold", "held"), ("approve", "approved"), ("approve", "approved")):
        issue = archive.decide(issue, do, by="Linh", reason="rain")
        assert issue.state == state
    issue = archive.decide(issue, "release", by="Linh")
    assert [each.do for each in issue.decisions] == ["annotate", "hold", "approve", "release"]
    with pytest.raises(ConfigError, match="is released, and hold takes one that is draft or approved"):
        archive.decide(issue, "hold", by="Linh")


def test_no_path_of_another_folder_is_an_issue(tmp_path: Path) -> None:
    archived(tmp_path)
    for name in ("health/2008-12/3", "../../x", "health/../1", "", "health/2008-12/.1.new"):
        with pytest.raises(ConfigError, match="the last are health/2008-12/1"):
            archive.issue_of(tmp_path, name)
