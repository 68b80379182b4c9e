"""Layouts in which agencies keep tables, lists of persons and data values, as rows of months."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.errors import DataError
from tasks.mapping.apply import apply, apply_parts
from tasks.mapping.propose import proposal
from tests.tasks.mapping.lines import Lines, sheet

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
