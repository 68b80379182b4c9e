"""Tables as agencies keep them become national files: proposed, corrected, applied; persons are counted alone."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import DataError
from tasks.mapping.apply import apply
from tasks.mapping.imports import import_mapped
from tasks.mapping.mapping import Mapping, read, write
from tasks.mapping.propose import proposal
from tests.federation.test_verbs_data import ends
from tests.tasks.mapping.lines import WEEKS, sheet
from tests.tasks.mapping.test_layouts import LAYOUTS


@pytest.mark.parametrize(
    ("row", "changes", "says"),
    [
        ("2020;5;A;1.234", {}, r"row 2: '1.234' is no count of a week"),
        ("2020;5;A;-7", {}, r"row 2: '-7' is no count of a week"),
        ("2020;5;A;inf", {}, r"row 2: 'inf' is no count of a week"),
        ("2020;1-2;A;7", {}, r"row 2: '2020' and '1-2' name no single week"),
        ("2020;5.3;A;7", {}, r"row 2: '2020' and '5.3' name no single week"),
        ("2020/21;5;A;7", {}, r"row 2: '2020/21' and '5' name no single week"),
        ("2020;5;A;7", {"columns": {"cases": "Cases"}}, "the mapping names 'cases'; columns of health are time_period"),
        ("2020;5;A;7", {"columns": {"location": "Place"}}, "the mapping names no disease_cases"),
        ("2020;5;A;7", {"year": ""}, "the mapping names no `year`, which weeks need"),
        ("2020;5;A;7", {"persons": True, "columns": {"time_period": "Year"}, "year": "", "week": ""}, "persons need"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(row: str, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        apply(replace(WEEKS, **changes), sheet("Year;Week;Place;Cases", row, "2020;6;A;1.5"))


def test_a_name_of_two_columns_is_no_name_of_one() -> None:
    table = sheet("Year;Month;Place;Cases;Cases", "2020.0;1.0;A;7;9")
    with pytest.raises(DataError, match="row 1: 2 columns are called 'Cases'"):
        apply(replace(WEEKS, week="", month="Month"), table)
    rows = apply(replace(WEEKS, week="", month="Month"), sheet("Year;Month;Place;Cases", "2020.0;1.0;A;7")).table
    assert list(rows["time_period"]) == ["2020-01"]


def test_a_mapping_serves_again_and_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    made = proposal(sheet(*LAYOUTS["wide"][0]), "health", "THA").mapping
    write(made, tmp_path / "map.yaml")
    assert read(tmp_path / "map.yaml") == made
    with pytest.raises(DataError, match="stays as it is"):
        write(made, tmp_path / "map.yaml")
    for text, says in (
        ("task: heath\ncountry: THA", "task: 'heath' is none of"),
        ("task: health\ncountry: XXX", "country: 'XXX'"),
        ("task: health", "country missing"),
        ("tusk: health", "tusk unknown"),
        ("task: health\ncountry: THA\nreported: 2004", "reported: 2004 names no months"),
        ("task: health\ncountry: THA\nweeks: epi", "weeks: 'epi' is none of iso, mmwr"),
        ("task: health\ncountry: THA\nonly: Dengue", "only: 'Dengue' names no columns"),
        ("task: [", "cannot be read as YAML"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(DataError, match=says):
            read(tmp_path / "bad.yaml")


def test_no_byte_of_a_person_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not into any folder that the product may write to, onto the screen, or into the message of a refusal."""
    people = [f"Somchai{n:04d};19{n % 90 + 10};2004-{n % 12 + 1:02d}-17;Nan;0812345{n:03d}" for n in range(300)]
    source, out = tmp_path / "in" / "list.csv", tmp_path / "out"
    for folder in (source.parent, out / "home", out / "temp"):
        folder.mkdir(parents=True)
    source.write_text("\n".join(["Name;Born;Date onset;Province;Phone", *people]))
    monkeypatch.chdir(out)
    monkeypatch.setenv("HOME", str(out / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(out / "temp"))
    by, to = out / "map.yaml", out / "national"
    assert ends("data", "map", str(source), "country=THA", f"to={by}") == 0
    assert ends("data", "import", f"from={source}", f"map={by}", f"to={to}") == 0
    assert ends("data", "check", str(to)) == 0
    assert "persons: true" in by.read_text()
    rows = (to / "THA" / "health.csv").read_text().splitlines()
    assert len(rows) == 13
    assert sum(int(row.split(",")[2]) for row in rows[1:]) == 300
    for wrong in ("Somchai9999;1950;unknown 0812345999;Nan;", "Somchai9999;1950;17-17-17;Nan;0812345999"):
        source.write_text("\n".join(["Name;Born;Date onset;Province;Phone", *people, wrong]))
        assert ends("data", "import", f"from={source}", f"map={by}", f"to={out / 'none'}") == 1
        assert ends("data", "import", f"from={source.parent}", f"to={out / 'none'}") == 1
    monkeypatch.setattr("federation.verbs.data_map.LOOK", 100)  # fewer rows than are before the open quote
    source.write_text(
        "\n".join(["Name;Born;Date onset;Province;Phone", *people, '"Somchai9999;19;2004-01-17;Nan;0812345'])
    )
    assert ends("data", "map", str(source), "country=THA", f"to={out / 'none.yaml'}") == 1
    assert ends("data", "import", f"from={source}", f"map={by}", f"to={out / 'none'}") == 1
    printed = capfd.readouterr()
    assert printed.err.count("row 302: ") == 4
    assert printed.err.count("is not CSV (unexpected end of data). Close every quote in its line.\n") == 2
    written = [path.read_bytes() for path in out.rglob("*") if path.is_file()]
    for content in (*written, printed.err.encode(), printed.out.encode()):
        assert re.search(rb"Somchai|0812345|\d-17", content) is None  # pytest-17 may be a folder


def test_what_a_mapping_brings_is_checked_as_any_national_file(tmp_path: Path) -> None:
    lines = ["Month;Province;Cases"] + [
        f"200{y}-{m:02d};{p};{y * m + 1}" for p in ("A", "Total") for y in range(3) for m in range(1, 13)
    ]
    source = tmp_path / "table.csv"
    source.write_text("\n".join(lines))
    write(
        Mapping(
            task="health",
            country="THA",
            columns={"time_period": "Month", "location": "Province", "disease_cases": "Cases"},
        ),
        tmp_path / "m.yaml",
    )
    with pytest.raises(DataError, match="'Total' is a total and no place"):
        import_mapped(source, tmp_path / "m.yaml", tmp_path / "to")
    assert not (tmp_path / "to").exists()
