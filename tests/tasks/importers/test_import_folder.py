"""What a folder of public files becomes, and that an import writes all of its files or none."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.errors import DataError
from tasks.importers import folder as importing
from tasks.importers import writing
from tasks.importers.contract import National
from tasks.importers.folder import import_folder
from tests.tasks.importers.excerpts import CHAP, lines, public_folder, write


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_becomes_national_files_and_nothing_else(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from" / "below")
    before = contents(source)
    done = import_folder(tmp_path / "from", tmp_path / "to")
    assert sorted(contents(tmp_path / "to")) == [
        "IDN/agriculture.csv",
        "IDN/agriculture_weather.csv",
        "IDN/disaster.csv",
        "LAO/health.csv",
        "THA/agriculture.csv",
        "THA/agriculture_weather.csv",
        "THA/disaster.csv",
        "THA/health.csv",
    ]
    assert {each.file for each in done.reports} == {tmp_path / "to" / name for name in contents(tmp_path / "to")}
    assert all(len(lines(each.file)) == each.kept for each in done.reports)
    assert contents(source) == before
    assert not done.unused


def test_the_same_import_again_changes_nothing(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    first = import_folder(source, tmp_path / "to")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "to").rglob("*.csv")}
    assert import_folder(source, tmp_path / "to") == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "to").rglob("*.csv")} == before


def test_into_the_source_itself(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    first = import_folder(source, source)
    assert (source / "THA" / "health.csv").exists()
    assert import_folder(source, source) == first  # does not take its own files for public ones


def test_the_order_of_the_rows_decides_nothing_of_health(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    import_folder(source, tmp_path / "to")
    head, *rows = (source / "opendengue.csv").read_text().splitlines()
    write(source / "opendengue.csv", head, rows[::-1])
    import_folder(source, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "to")


@pytest.mark.parametrize("theirs", ["health.csv", "health.csv.gz", "health.parquet"])
def test_records_that_differ_are_never_replaced(tmp_path: Path, theirs: str) -> None:
    source = public_folder(tmp_path / "from")
    own = tmp_path / "to" / "THA" / theirs
    own.parent.mkdir(parents=True)
    own.write_text("the ministry's own records")
    with pytest.raises(DataError, match=rf"THA/{theirs} holds other records and stays as it is"):
        import_folder(source, tmp_path / "to")
    assert contents(tmp_path / "to") == {f"THA/{theirs}": b"the ministry's own records"}
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["THA"]


def test_a_disk_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = public_folder(tmp_path / "from")
    staged = writing._stage

    def failing(folder: Path, national: National) -> Path:
        if national.country == "THA" and national.task == "agriculture":
            raise OSError(28, "No space left on device")
        return staged(folder, national)

    monkeypatch.setattr(writing, "_stage", failing)
    with pytest.raises(DataError, match=r"cannot be written to \(No space left on device\); make room"):
        import_folder(source, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_what_the_task_would_refuse_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = public_folder(tmp_path / "from")
    national = National(
        country="THA",
        task="health",
        name="health.csv",
        table=pd.DataFrame({"time_period": ["2000-01"], "location": ["A"], "disease_cases": [-1]}),
        sources=(source / "chap.csv",),
        records=1,
    )
    monkeypatch.setattr(importing, "ASSEMBLERS", {"health": lambda _: [national]})
    with pytest.raises(DataError, match=r"THA/health\.csv, as it would be written.*values come from chap\.csv"):
        import_folder(source, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_files_of_no_known_format_are_listed(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    write(source / "other.csv", "a,b", ["1,2"])
    write(source / "tracks.csv", "SID,ISO_TIME,LAT,LON", ["1,2,3,4"])
    write(source / "rain.csv", "Date,THA", ["X200001,1"])
    (source / "notes.txt").write_text("not a table")
    unused = {path.name: why for path, why in import_folder(source, tmp_path / "to").unused.items()}
    assert unused["other.csv"] == "its columns are of no known format"
    assert unused["tracks.csv"].startswith("no task needs it: a track is known days ahead")
    assert "the name of a table must hold era_pre" in unused["rain.csv"]
    (source / "bulletin.PDF").write_bytes(b"")
    unused = {path.name: why for path, why in import_folder(source, tmp_path / "to").unused.items()}
    assert set(unused) == {"other.csv", "tracks.csv", "rain.csv", "notes.txt", "bulletin.PDF"}
    assert unused["bulletin.PDF"] == "it is no table"


def test_a_folder_without_any_known_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "other.csv", "x,y", ["1,2"])
    with pytest.raises(DataError, match=r"no file of a known format.*chap"):
        import_folder(tmp_path, tmp_path / "to")
    with pytest.raises(DataError, match="does not exist"):
        import_folder(tmp_path / "nowhere", tmp_path / "to")


def test_more_rows_than_memory_should_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_ROWS", 3)
    with pytest.raises(DataError, match="more than 3 rows"):
        import_folder(public_folder(tmp_path / "from"), tmp_path / "to")


def test_a_target_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "to").write_text("x")
    with pytest.raises(DataError, match="is a file; give the folder"):
        import_folder(public_folder(tmp_path / "from"), tmp_path / "to")


def test_two_tables_of_one_country_are_refused(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    write(source / "chap2.csv", CHAP, ["2001-01,LA-AT,0,100456,Attapeu,0.5,25.1,54.3"])
    with pytest.raises(DataError, match=r"chap2\.csv and .*chap\.csv are both of LAO.*Keep one"):
        import_folder(source, tmp_path / "to")
