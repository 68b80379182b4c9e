"""Weeks of either system, as months or as weeks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.mapping import periods
from tasks.mapping.apply import apply
from tasks.mapping.propose import proposal
from tests.tasks.mapping.lines import WEEKS, Lines, sheet


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


def test_years_and_weeks_of_a_column_with_gaps_have_a_point_and_no_further_digit() -> None:
    lines = [f"2020.0;{number}.0;A;7.0" for number in range(1, 10)]
    rows = apply(WEEKS, sheet("Year;Week;Place;Cases", *lines, "Source: MoH 2021;;;")).table
    assert [" ".join(row) for row in rows[["time_period", "disease_cases"]].to_numpy()] == ["2020-01 31", "2020-02 29"]
