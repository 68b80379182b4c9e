"""OpenDengue's overlapping resolutions, definitions and spellings -> one count per place and month."""

import csv
import gzip
from calendar import monthrange
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import DataError
from tasks.importers.contract import ImportReport
from tasks.importers.folder import import_folder
from tasks.places.names import PROVINCES, province
from tests.tasks.importers.excerpts import CHAP, DENGUE, dengue, lines, write
from tests.whole import IN_FULL


def imported(folder: Path, rows: list[str], country: str = "KHM") -> tuple[dict[tuple[str, str], str], ImportReport]:
    """(location, month) -> cases, and the country's report."""
    write(folder / "from" / "opendengue.csv", DENGUE, rows)
    done = import_folder(folder / "from", folder / "to")
    report = next(each for each in done.reports if each.country == country and each.task == "health")
    if report.file is None:
        return {}, report
    return {(row["location"], row["time_period"]): row["disease_cases"] for row in lines(report.file)}, report


def month(country: str, place: str, text: str, cases: object, of: str = "Total") -> str:
    days = monthrange(int(text[:4]), int(text[5:]))[1]
    return dengue(country, place, f"{text}-01", f"{text}-{days}", cases, of=of)


def week(start: date, cases: object, country: str = "KHM", of: str = "Total") -> str:
    return dengue(country, "", str(start), str(start + timedelta(days=6)), cases, period="Week", of=of)


def test_the_finest_resolution_counts_once(tmp_path: Path) -> None:
    counts, report = imported(
        tmp_path,
        [
            dengue("KHM", "", "2000-01-01", "2000-12-31", 999, period="Year"),
            dengue("KHM", "KEP", "2000-01-01", "2000-12-31", 99, period="Year"),
            month("KHM", "KEP", "2000-01", 3),
            month("KHM", "KAMPOT", "2000-01", 0),
            month("KHM", "KEP", "2000-02", "NA"),
            month("KHM", "", "2000-01", 4),
            month("KHM", "", "2000-02", 7),
        ],
    )
    # nothing came in from Kep in February: it stays missing, it does not become the nation's or zero
    assert counts == {("KEP", "2000-01"): "3", ("KAMPOT", "2000-01"): "0", ("KHM", "2000-02"): "7"}
    assert report.records == 7
    assert sorted(report.dropped.values()) == [1, 1, 2]
    assert report.dropped["counts of a year"] == 2


def test_the_nation_goes_on_where_its_provinces_end(tmp_path: Path) -> None:
    rows = [month("KHM", "KEP", text, 1) for text in ("2000-01", "2000-03")]
    rows += [month("KHM", "", text, 5) for text in ("1999-12", "2000-02", "2000-03", "2000-04")]
    counts, _ = imported(tmp_path, rows)
    assert [key for key in counts if key[0] == "KHM"] == [("KHM", "2000-04")]


def test_weeks_that_come_twice_count_as_total(tmp_path: Path) -> None:
    start = date(2015, 2, 1)  # a Sunday; February 2015 has four whole weeks
    weeks = [start + timedelta(days=7 * number) for number in range(4)]
    rows = [week(each, 10, "MYS") for each in weeks] + [week(each, 7, "MYS", "Confirmed") for each in weeks]
    counts, report = imported(tmp_path, rows, "MYS")
    assert counts == {("MYS", "2015-02"): "40"}
    assert dict(report.dropped) == {"a narrower case definition": 4}


def test_a_narrower_definition_stands_in_where_there_is_no_other(tmp_path: Path) -> None:
    rows = [month("KHM", "", "2015-01", 7, "Confirmed"), month("KHM", "", "2015-02", 9, "Suspected and confirmed")]
    assert imported(tmp_path, rows)[0] == {("KHM", "2015-01"): "7", ("KHM", "2015-02"): "9"}


def test_a_week_across_new_year_is_shared_by_its_days(tmp_path: Path) -> None:
    first = date(2011, 11, 27)
    weeks = [first + timedelta(days=7 * number) for number in range(10)]  # to 2012-02-04
    rows = [week(start, 70 if start == date(2011, 12, 25) else 7) for start in weeks]
    counts, report = imported(tmp_path, rows)
    # the week of 25 December has seven days in December: all 70 stay in 2011
    assert counts == {("KHM", "2011-12"): str(3 + 7 * 3 + 70), ("KHM", "2012-01"): str(31)}
    assert dict(report.dropped) == {}
    rows = [week(start, 70 if start == date(2012, 1, 29) else 7) for start in weeks]
    counts, _ = imported(tmp_path / "again", rows)
    assert counts[("KHM", "2012-01")] == str(28 + 30)  # three of its seven days


def test_a_month_with_a_missing_week_is_missing(tmp_path: Path) -> None:
    weeks = [date(2011, 5, 1) + timedelta(days=7 * number) for number in range(14)]
    counts, report = imported(tmp_path, [week(each, 7) for each in weeks if each != date(2011, 6, 12)])
    assert counts == {("KHM", "2011-05"): "31", ("KHM", "2011-07"): "31"}
    assert sum(report.dropped.values()) == 2  # the two weeks that lie in June alone


def test_a_month_goes_before_its_weeks(tmp_path: Path) -> None:
    weeks = [date(2015, 2, 1) + timedelta(days=7 * number) for number in range(4)]
    counts, _ = imported(tmp_path, [*(week(each, 10) for each in weeks), month("KHM", "", "2015-02", 39)])
    assert counts == {("KHM", "2015-02"): "39"}


@pytest.mark.skipif(not IN_FULL, reason="public files: scripts/prove ends")
@settings(max_examples=30, deadline=None)
@given(
    start=st.dates(date(1995, 1, 1), date(2019, 1, 1)),
    cases=st.lists(st.integers(0, 10_000), min_size=10, max_size=40),
)
def test_weeks_become_months_without_losing_a_case(
    tmp_path_factory: pytest.TempPathFactory, start: date, cases: list[int]
) -> None:
    """Days of 0 cases around the weeks complete the first and last month, so that every case must turn up."""
    first, days = start.replace(day=1), 7 * len(cases)
    rows = []
    while first < start:
        rows.append(dengue("KHM", "", str(first), str(first), 0, period="Week"))
        first += timedelta(days=1)
    rows += [week(start + timedelta(days=7 * number), count) for number, count in enumerate(cases)]
    after = start + timedelta(days=days)
    while after.day != 1:
        rows.append(dengue("KHM", "", str(after), str(after), 0, period="Week"))
        after += timedelta(days=1)
    counts, report = imported(tmp_path_factory.mktemp("weeks"), rows)
    assert sum(map(int, counts.values())) == sum(cases)
    assert not report.dropped


def test_chap_goes_before_the_same_provinces(tmp_path: Path) -> None:
    write(tmp_path / "from" / "chap.csv", CHAP, ["2000-01,LA-AT,1,100456,Attapeu,0.5,25.1,54.3"])
    rows = [month("LAO", "ATTAPU", text, 9) for text in ("2000-01", "2000-02")]
    rows += [month("LAO", "", text, 20) for text in ("2000-01", "2000-02")]
    counts, report = imported(tmp_path, rows, "LAO")
    assert counts == {("LA-AT", "2000-01"): "1", ("LAO", "2000-02"): "20"}
    assert (report.records, sum(report.dropped.values())) == (5, 3)


def test_copies_count_once_and_different_counts_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "from" / "national.csv", DENGUE, [month("KHM", "", "2000-01", 5)])
    counts, report = imported(tmp_path, [month("KHM", "", "2000-01", 5)])
    assert counts == {("KHM", "2000-01"): "5"}
    assert dict(report.dropped) == {"copies of another row": 1}
    write(tmp_path / "from" / "national.csv", DENGUE, [month("KHM", "", "2000-01", 6)])
    with pytest.raises(DataError, match=r"opendengue\.csv, row 2.*5 for KHM is not the 6 .*national\.csv, row 2"):
        import_folder(tmp_path / "from", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_weeks_that_overlap_are_refused(tmp_path: Path) -> None:
    rows = [week(date(2011, 5, 1), 1), week(date(2011, 5, 7), 1)]
    with pytest.raises(DataError, match=r"row 3.*begins on 2011-05-07, before the week of another row ends"):
        imported(tmp_path, rows)


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        (["BABEL", "Bangka Belitung", "KEPULAUAN BANGKA BELITUNG"], "KEPULAUAN BANGKA BELITUNG"),
        (["D.I YOGYA", "DI YOGYAKARTA", "DAERAH ISTIMEWA YOGYAKARTA"], "DAERAH ISTIMEWA YOGYAKARTA"),
        (["ACEH", "NANGROE ACEH DARUSSALAM", "NANGGROE  ACEH DARUSSALAM"], "ACEH"),
        (["NUSATENGGARA TIMUR", "Nusa Tenggara Timur"], "NUSA TENGGARA TIMUR"),
        (["KEPULAUAN-RIAU", "kepulauan riau"], "KEPULAUAN RIAU"),
    ],
)
def test_spellings_of_a_province_become_one(tmp_path: Path, spellings: list[str], name: str) -> None:
    rows = [month("IDN", each, f"20{10 + year}-01", 1) for year, each in enumerate(spellings)]
    counts, _ = imported(tmp_path, rows, "IDN")
    assert {place for place, _ in counts} == {name}
    assert len(counts) == len(spellings)


def test_accents_case_and_the_word_province_do_not_make_a_place() -> None:
    assert province("VNM", "Đắk Lắk") == province("VNM", "DAK LAK") == "DAK LAK"
    assert province("PHL", "PROVINCE OF CEBU") == "CEBU"
    assert province("IDN", "KALIMANTAN UTARA") != province("IDN", "KALIMANTAN TIMUR")


def test_districts_are_named_by_their_finest_name(tmp_path: Path) -> None:
    rows = [month("PHL", "BICOL/PROVINCE OF ALBAY", "2000-01", 3), month("PHL", "BICOL", "2000-02", 9)]
    rows += [month("PHL", "BICOL/PROVINCE OF ALBAY", "2000-02", 2)]
    counts, report = imported(tmp_path, rows, "PHL")
    assert counts == {("ALBAY", "2000-01"): "3", ("ALBAY", "2000-02"): "2"}
    assert dict(report.dropped) == {"another level of provinces": 1}


def test_weather_of_the_country_stands_in(tmp_path: Path) -> None:
    folder = tmp_path / "from"
    write(folder / "era_pre_monthly.csv", "Date,KHM", ["X200001,100", "X200002,200"])
    write(folder / "era_pre_popweighted_monthly.csv", "Date,KHM", ["X200001,90.5"])
    write(folder / "cru_tmp_monthly.csv", "Date,KHM", ["X200001,25.5"])
    write(folder / "opendengue.csv", DENGUE, [month("KHM", "KEP", "2000-01", 1), month("KHM", "KEP", "2000-02", 1)])
    done = import_folder(folder, tmp_path / "to")
    rows = lines(done.reports[0].file)
    assert [row["rainfall"] for row in rows] == ["90.5", ""]  # people before land, and never a mixture
    assert [row["mean_temperature"] for row in rows] == ["25.5", ""]
    assert [row["population"] for row in rows] == ["", ""]
    assert [path.name for path in done.unused] == ["era_pre_monthly.csv"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (dengue("KHM", "KEP", "2000-01-01", "2000-02-29", 1), r"row 3.*'calendar_end_date'.*does not end the week or"),
        (dengue("KHM", "KEP", "01-01-2000", "2000-01-31", 1), r"row 3.*'01-01-2000' is not a date"),
        (dengue("KHM", "KEP", "2000-02-01", "2000-02-30", 1), r"row 3.*'2000-02-30' is not a date"),
        (dengue("KHM", "KEP", "2000-01-31", "2000-01-01", 1), r"row 3.*check for swapped dates"),
        (dengue("KHM", "KEP", "2000-02-01", "2000-02-29", 1.5), r"row 3.*1.5.*no whole number"),
        (dengue("KHM", "KEP", "2000-02-01", "2000-02-29", "1 200"), r"row 3.*'1 200' is not a number"),
        (dengue("Kam", "KEP", "2000-02-01", "2000-02-29", 1), r"row 3.*'Kam' is no ISO 3166-1"),
        (
            dengue("KHM", "KEP", "2000-02-01", "2000-02-29", 1, of="Probable"),
            r"row 3.*'Probable' is none of OpenDengue",
        ),
        (dengue("KHM", "KEP", "2000-02-01", "2000-02-29", 1, period="Quarter"), r"row 3.*'Quarter' is none of"),
        (dengue("KHM", "", "2000-02-01", "2000-02-08", 1, period="Week"), r"row 3.*does not end the week"),
    ],
)
def test_what_is_wrong_is_said_with_its_row(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        imported(tmp_path, [month("KHM", "KEP", "2000-01", 1), row])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "to").exists()


def test_indonesia_has_34_provinces_under_46_names(public_data: Path) -> None:
    with gzip.open(public_data / "health" / "opendengue_spatial.csv.gz", "rt", encoding="utf-8", newline="") as file:
        names = {row["adm_1_name"] for row in csv.DictReader(file) if row["ISO_A0"] == "IDN"} - {"NA"}
    assert len(names) == 46
    assert len({province("IDN", name) for name in names}) == 34
    assert set(PROVINCES["IDN"]) <= {name.casefold() for name in names}  # no alias without a reason
