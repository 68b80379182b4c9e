"""Kinds of mistakes of files, places and systems, each in several tasks and steps: one line, with the remedy."""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from federation import cli
from federation.runs.operational import outside
from tasks.errors import DataError
from tasks.files.check import check, national_files
from tasks.files.folders import files_below, has_table
from tasks.settings import Calendar
from tests.federation.test_verbs_data import ends
from tests.tasks.meaning.files import put, written

NAMES = ("50%", "a b", "ព្រះ", "[x]", "{x}", "why?", "2026_11", "a=b")
TINY = "time_period,location,disease_cases,population,rainfall,mean_temperature\n2000-01,A,1,9000,10,25\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_any_name_is_taken_in_every_word(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "THA" / "disaster.csv"
    assert ends("data", "template", "task=disaster", f"to={file}") == 0
    file.with_name("health.csv").write_text(TINY)
    file.unlink()
    assert ends("data", "check", str(tmp_path / name)) == 0


@pytest.mark.parametrize("ending", [".xlsx", ".XLS", ".ods", ".tsv", ".CSV", ".json"])
@pytest.mark.parametrize("name", ["health", "health_weekly", "agriculture", "prices", "river"])
def test_a_file_of_another_format_alone_is_named_with_what_to_save(tmp_path: Path, name: str, ending: str) -> None:
    (tmp_path / "THA").mkdir()
    (tmp_path / "THA" / f"{name}{ending}").touch()
    for looks in (tmp_path, tmp_path / "THA"):
        with pytest.raises(DataError, match=rf"{name}{ending}.*csv") as refused:
            national_files(looks)
        assert "did you mean" not in str(refused.value)


@pytest.mark.parametrize(
    ("step", "cuts", "ends_of", "fit"),
    [
        ("month", ("1995-12", "1996-12", "1997-12"), {"THA": "2015-01 to 2023-12"}, "test_until=2023-12"),
        (
            "week",
            ("1995-12-31", "1996-12-29", "1997-12-28"),
            {"BRA": "2015-01-04 to 2022-01-02"},
            "test_until=2022-01-02",
        ),
        (
            "day",
            ("1960-01-01", "1965-01-01", "1970-01-01"),
            {"CHE": "1990-01-01 to 2020-12-31"},
            "test_until=2020-12-31",
        ),
        ("month", ("1995-12", "1996-12", "1997-12"), {"THA": "2015-01 to 2523-12"}, "within these periods"),
    ],
)
def test_records_outside_of_a_calendar_name_what_fits(
    step: str, cuts: tuple[str, str, str], ends_of: dict[str, str], fit: str
) -> None:
    train, validate, test = cuts
    said = outside(Calendar(step=step, train_until=train, validate_until=validate, test_until=test), ends_of)
    assert f"train_until={train}; on record are {', '.join(f'{c} {e}' for c, e in sorted(ends_of.items()))}" in said
    assert fit in said


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "not permitted"),
        (errno.EROFS, "can only be read"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EISDIR, "is a folder"),
        (errno.ENOTDIR, "is a file and no folder"),
        (errno.EMFILE, "too many open files"),
    ],
)
@pytest.mark.parametrize("verb", ["simulate", "forecast", "node check"])
def test_whatever_the_system_refuses_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, says: str, verb: str
) -> None:
    def refused(_: object) -> None:
        raise OSError(number, os.strerror(number), "ไทย/a b.csv")

    monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(run=refused))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cli.main(verb.split())
    printed = capsys.readouterr().err
    assert ended.value.code == 1
    assert printed.startswith("gotong: ไทย/a b.csv")
    assert says in printed
    assert printed.count("\n") == 1


def test_several_kinds_in_one_file_are_all_listed(tmp_path: Path) -> None:
    def edit(rows: list[dict[str, str]]) -> None:
        put(9, "disease_cases", "1.234")(rows)
        put(12, "rainfall", "๑๒๓")(rows)
        put(15, "time_period", "2547-12")(rows)

    kinds = [(each.kind, each.row) for each in check(written(tmp_path, "health.csv", edit))]
    assert kinds == [("thousands", 9), ("digits", 12), ("period", 15)]


def test_a_folder_that_is_closed_is_no_folder_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "health.csv")
    for country in ("VNM", ".cache"):
        (tmp_path / country).mkdir()
    seen = [tmp_path / "VNM", tmp_path / ".cache"]

    def unless_closed(look: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def looked(path: Any = ".") -> Any:
            if Path(path) in seen:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return look(path)

        return looked

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, unless_closed(getattr(os, name)))
    looks: list[Callable[[Path], object]] = [
        national_files,
        files_below,
        lambda each: has_table(each / "VNM", "health"),
    ]
    for look in looks:
        with pytest.raises(PermissionError, match="VNM"):
            look(tmp_path)
    seen.remove(tmp_path / "VNM")
    assert national_files(tmp_path) == [tmp_path / "THA" / "health.csv"]
