"""Tables as agencies keep them become national files: proposed, corrected, applied; persons are counted alone."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.mapping import periods
from tasks.mapping.apply import apply, apply_parts
from tasks.mapping.imports import import_mapped
from tasks.mapping.mapping import Mapping, read, write
from tasks.mapping.propose import proposal
from tasks.sheets.sheet import Sheet
from tests.federation.test_verbs_data import ends

Lines = tuple[str, ...]


def sheet(*lines: str) -> Sheet:
    rows = [line.split(";") for line in lines]
    width = max(map(len, rows))
    return Sheet(
        file=Path("bulletin.csv"), name="", rows=tuple(tuple(row) + ("",) * (width - len(row)) for row in rows)
    )


LAYOUTS: dict[str, tuple[Lines, dict[str, Any], str, Lines]] = {
    # name: (lines, what a person adds to the proposal, what is asked, month place cases)
    "tidy": (("Month;Province;Cases", "2004-01;A;7", "2004-02;A;0"), {}, "", ("2004-01 A 7", "2004-02 A 0")),
    "titles and footnotes": (
        (
            "Ministry of Health",
            "Dengue 2004;;",
            "Bulan;Provinsi;Kasus",
            "Januari 2004;Aceh;1.234",
            "Maret 2004;Aceh;12.007",
            "Source: DoH",
        ),
        {},
        "",
        ("2004-01 Aceh 1234", "2004-03 Aceh 12007"),
    ),
    "Thai": (
        ("ปี;เดือน;จังหวัด;จำนวนผู้ป่วย", "๒๕๔๗;ม.ค.;น่าน;๑๒", "๒๕๔๗;ก.พ.;น่าน;๓"),
        {},
        "",
        ("2004-01 น่าน 12", "2004-02 น่าน 3"),
    ),
    "year and month": (
        ("Year;Month;District;Count", "2004;1;A;7", "2004;12;A;9"),
        {},
        "",
        ("2004-01 A 7", "2004-12 A 9"),
    ),
    "wide": (
        ("District;Jan 2004;Feb 2004;Mar 2004", "A;7;8;", "B;0;1;2"),
        {},
        "",
        ("2004-01 A 7", "2004-01 B 0", "2004-02 A 8", "2004-02 B 1", "2004-03 A ", "2004-03 B 2"),
    ),
    "a proven order": (
        ("Date;Place;Cases", "31/01/2004;A;7", "01/02/2004;A;8"),
        {},
        "",
        ("2004-01 A 7", "2004-02 A 8"),
    ),
    "an open order": (("Date;Place;Cases", "01/02/2004;A;7"), {"dates": "dmy"}, "dates: dmy or mdy?", ("2004-02 A 7",)),
    "sections and totals": (
        ("Month;Province;Cases", "North;;", ";South;", "2004-01;A;7", "Total;;7", ";Jumlah;7"),
        {},
        "",
        ("2004-01 A 7",),
    ),
    "a footnote below a wide table": (
        ("District;Jan 2004;Feb 2004;Mar 2004", "A;7;8;9", "Source: DoH;;;"),
        {},
        "",
        ("2004-01 A 7", "2004-02 A 8", "2004-03 A 9"),
    ),
    "persons": (
        ("Date onset;Province;Sex;Age", "2004-01-03;A;f;7", "2004-01-30;A;m;9", "2004-02-01;B;m;30"),
        {},
        "reported:",
        ("2004-01 A 2", "2004-01 B 0", "2004-02 A 0", "2004-02 B 1"),
    ),
}


@pytest.mark.parametrize(("lines", "more", "asked", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_becomes_rows_of_months(lines: Lines, more: dict[str, Any], asked: str, expected: Lines) -> None:
    table = sheet(*lines)
    made = proposal(table, "health", "THA")
    assert [each for each in made.open if not (asked and each.startswith(asked))] == []
    assert bool(asked) == bool(made.open)
    if more:
        with pytest.raises(DataError, match="say in the mapping"):
            apply(made.mapping, table)
    rows = apply(replace(made.mapping, **more), table).table
    got = [
        " ".join(row)
        for row in rows[["time_period", "location", "disease_cases"]]
        .sort_values(["time_period", "location"])
        .to_numpy()
    ]
    assert tuple(got) == expected


def test_a_list_of_persons_says_which_of_its_months_have_nobody() -> None:
    lines = ["2004-01-03;A;f", "2004-04-30;B;m", ";B;m", ";;", "2003-12-31;A;f", "End of list;;"]
    table = sheet("Date onset;Province;Sex", *lines)
    made = replace(proposal(table, "health", "THA").mapping, reported="2004-01/2004-05")
    mapped = apply(made, table)
    assert [" ".join(row) for row in mapped.table[["time_period", "location", "disease_cases"]].to_numpy()] == [
        f"2004-{month:02d} {place} {int((month, place) in {(1, 'A'), (4, 'B')})}"
        for month in range(1, 6)
        for place in "AB"
    ]
    assert mapped.dropped == {
        "titles, footnotes and empty rows": 2,
        "persons without a date": 1,
        "persons outside of the months that `reported` names": 1,
    }


@pytest.mark.parametrize(("system", "last"), [("iso", "2021-01-03"), ("mmwr", "2021-01-02")])
def test_a_list_of_persons_is_counted_by_the_week(system: str, last: str) -> None:
    # 2021-01-02 is a Saturday, in week 53 of 2020 of both systems; the month of January 2021 has five ends of weeks
    table = sheet("Date onset;Province;Sex", "2020-12-28;A;f", "2021-01-02;A;m", "2021-01-14;B;m")
    mapping = replace(proposal(table, "health_weekly", "THA").mapping, persons=True)
    with pytest.raises(DataError, match="say in the mapping whose weeks they are"):
        apply(mapping, table)
    mapped = apply(replace(mapping, weeks=system, reported="2021-01/2021-01"), table)
    rows = [" ".join(row) for row in mapped.table[["time_period", "location", "disease_cases"]].to_numpy()]
    assert rows == [
        f"{np.datetime64(last) + 7 * week} {place} {2 if (week, place) == (0, 'A') else int((week, place) == (2, 'B'))}"
        for week in range(5)
        for place in "AB"
    ]
    with pytest.raises(DataError, match="its persons have weeks, which are no months"):
        apply(replace(mapping, task="health", weeks=system), sheet("Date onset;Province;Sex", "2020-W53;A;f"))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ("Month;Province;Cases", "2004-01;A;7", "Jan-Feb 2004;A;8", ";A;9"),
            r"row 3: 'Jan-Feb 2004' names no period \(1 more",
        ),
        (
            ("Month;Province;Cases", "2004-01;A;7", ";B;9"),
            "row 3: an empty cell names no period; write one in every row",
        ),
        (("Year;Month;Province;Cases", "2004;1;A;7", "2004;13;A;9"), "row 3: '2004 13' names no period"),
        (("Date onset;Province;Sex", "2004-01-03;A;f", "Somchai;A;f"), "row 3: the cell of its date names no period"),
        (
            ("Date onset;Province;Sex", "2004-01-13;A;f", "2004-02-31;A;f"),
            "row 3: its date is no date in the order ymd",
        ),
    ],
)
def test_a_record_whose_period_cannot_be_read_is_no_footnote(lines: Lines, says: str) -> None:
    table = sheet(*lines)
    with pytest.raises(DataError, match=says):
        apply(proposal(table, "health", "THA").mapping, table)


DHIS2 = (
    "dataElement;period;orgUnit;categoryOptionCombo;value",
    "Dengue;200401;A;under 5;3",
    "Dengue;200401;A;over 5;4",
    "Malaria;200401;A;under 5;99",
    "Dengue;200402;A;under 5;1",
    "Dengue;200402;A;over 5;",
)


@pytest.mark.parametrize("size", [1, 2, 100])  # rows a part
def test_data_values_are_chosen_and_added_up_part_by_part(size: int) -> None:
    whole = sheet(*DHIS2)
    made = proposal(whole, "health", "THA")
    assert [each.partition(":")[0] for each in made.open] == ["only", "sum"]
    mapping = replace(made.mapping, only={"dataElement": ["Dengue"]}, sum=True)
    starts = [0, *range(1 + size, len(whole.rows), size)]
    parts = [
        replace(whole, rows=whole.rows[at:end], first=at + 1)
        for at, end in zip(starts, [*starts[1:], len(whole.rows)], strict=True)
    ]
    mapped = apply_parts(mapping, parts)
    assert [" ".join(row) for row in mapped.table[["time_period", "location", "disease_cases"]].to_numpy()] == [
        "2004-01 A 7",
        "2004-02 A ",
    ]
    assert (mapped.records, mapped.dropped) == (5, {"rows that `only` leaves out": 1})
    with pytest.raises(DataError, match="row 5: 'many' is no number that can be added up"):
        apply_parts(mapping, [replace(whole, rows=(*whole.rows[:4], ("Dengue", "200402", "A", "", "many")))])


def weekly(system: str, weeks: range) -> list[str]:
    lines = ["Epiweek;Place;Cases", *(f"2020-W{number:02d};A;7" for number in weeks), "2021-W01;A;7", "2021-W02;A;7"]
    table = sheet(*lines)
    made = proposal(table, "health", "THA")
    assert made.open[0].startswith("weeks: iso or mmwr?")
    with pytest.raises(DataError, match="whose weeks they are"):
        apply(made.mapping, table)
    rows = apply(replace(made.mapping, weeks=system), table).table
    return [" ".join(row) for row in rows[["time_period", "disease_cases"]].to_numpy()]


def test_weeks_of_either_system_become_the_months_that_they_cover() -> None:
    # 2020 has 53 weeks in both; ISO's W49 begins on 30 November, MMWR's on 29 November
    assert weekly("iso", range(49, 54)) == ["2020-12 31"]
    assert weekly("mmwr", range(49, 54)) == ["2020-12 31"]
    assert weekly("mmwr", range(50, 54)) == [], "a missing week stays missing"
    assert f"{periods.first_day(2020, 53, 'iso')} {periods.first_day(2020, 53, 'mmwr')}" == "2020-12-28 2020-12-27"
    for system in periods.SYSTEMS:
        with pytest.raises(ValueError, match=r"53|[Ii]nvalid"):
            periods.first_day(2021, 53, system)


@pytest.mark.parametrize(
    ("lines", "more", "last"),
    [
        (("Week;Place;Cases", "2020-W53;A;7"), {"weeks": "iso"}, "2021-01-03"),
        (("Week;Place;Cases", "2020-W53;A;7"), {"weeks": "mmwr"}, "2021-01-02"),
        (("Year;Week;Place;Cases", "2020;53;A;7"), {"weeks": "mmwr"}, "2021-01-02"),
        (("Place;2020-W52;2020-W53;2021-W01", "A;;7;"), {"weeks": "iso"}, "2021-01-03"),
        (("Date;Place;Cases", "2020-12-28/2021-01-03;A;7"), {}, "2021-01-03"),
        (("Date;Place;Cases", "28/12/2020;A;7"), {"day": "first"}, "2021-01-03"),
        (("Date;Place;Cases", "31/12/2020;A;7"), {"day": "last"}, "2020-12-31"),
    ],
)
def test_weeks_stay_weeks_where_the_national_file_has_them(lines: Lines, more: dict[str, Any], last: str) -> None:
    table = sheet(*lines)
    mapping = proposal(table, "health_weekly", "THA").mapping
    if more:
        with pytest.raises(DataError, match="say in the mapping"):
            apply(mapping, table)
    rows = apply(replace(mapping, **more), table).table
    known = rows[rows["disease_cases"] != ""]
    assert [tuple(row) for row in known[["time_period", "location", "disease_cases"]].to_numpy()] == [(last, "A", "7")]


WEEKS = Mapping(
    task="health",
    country="THA",
    columns={"location": "Place", "disease_cases": "Cases"},
    year="Year",
    week="Week",
    weeks="iso",
)


def test_years_and_weeks_of_a_column_with_gaps_have_a_point_and_no_further_digit() -> None:
    lines = [f"2020.0;{number}.0;A;7.0" for number in range(1, 10)]
    rows = apply(WEEKS, sheet("Year;Week;Place;Cases", *lines, "Source: MoH 2021;;;")).table
    assert [" ".join(row) for row in rows[["time_period", "disease_cases"]].to_numpy()] == ["2020-01 31", "2020-02 29"]


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
