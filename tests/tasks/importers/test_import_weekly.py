"""Weekly dengue as countries publish it -> national files: the traps in small, and the public files counted again."""

import csv
import gzip
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.importers.contract import Imported
from tasks.importers.folder import import_folder
from tests.conftest import PUBLIC_DATA
from tests.tasks.importers.excerpts import DENGUE, dengue, lines, write

WEEKLY_DATA = PUBLIC_DATA.parent / "hazards" / "dengue_weekly"
FILES = {
    "LKA": "lka_districts_weekly",
    "BRA": "bra_states_weekly",
    "NIC": "nic_departments_weekly",
    "PHL": "phl_doh_weekly_2016_2021",
    "PER": "per_provinces_weekly_2019_2022",
    "TWN": "twn_onset_by_notification_week",
}
Counts = dict[tuple[str, str], int]


def counts_of(folder: Path, country: str) -> Counts:
    """(place, last day of the week) -> cases, as written."""
    rows = lines(folder / country / "health_weekly.csv")
    return {(row["location"], row["time_period"]): int(row["disease_cases"]) for row in rows}


def imported(tmp_path: Path, header: str, rows: list[str], country: str) -> tuple[Counts, Imported]:
    write(tmp_path / "from" / "weeks.csv", header, rows)
    done = import_folder(tmp_path / "from", tmp_path / "to")
    return counts_of(tmp_path / "to", country), done


def test_weeks_of_six_and_eight_days_stay_in_the_calendar(tmp_path: Path) -> None:
    rows = ["2009,16,4/11/2009,4/17/2009,Galle,1", "2009,17,4/18/2009,4/25/2009,Galle,2"]
    rows += ["2009,18,4/26/2009,5/2/2009,Galle,3", "2009,22,5/24/2009,5/29/2009,Galle,4"]
    counts, _ = imported(tmp_path, "year,week,start.date,end.date,district,cases", rows, "LKA")
    days = ("2009-04-17", "2009-04-24", "2009-05-01", "2009-05-29")
    assert counts == {("Galle", day): cases for cases, day in enumerate(days, start=1)}


def test_a_missing_week_is_a_zero_only_while_somebody_reports(tmp_path: Path) -> None:
    rows = ["LIMA,LIMA,2020,52,1", "LIMA,HUARAL,2021,1,5", "\\N,\\N,2021,2,9"]
    counts, done = imported(tmp_path, "departamento,provincia,ano,semana,cases", rows, "PER")
    assert counts == {  # 2020 has 53 weeks: the one between, and the one of no province, stay missing
        ("LIMA/LIMA", "2020-12-26"): 1,
        ("LIMA/HUARAL", "2020-12-26"): 0,
        ("LIMA/LIMA", "2021-01-09"): 0,
        ("LIMA/HUARAL", "2021-01-09"): 5,
    }
    assert done.reports[0].dropped == {"no place": 1}


def test_a_triangle_is_summed_to_weeks_of_onset(tmp_path: Path) -> None:
    rows = ["Tainan City,2015-08-03,2015-08-03,4", "Tainan City,2015-08-03,2015-08-10,3", ",2015-08-03,2015-08-10,1"]
    rows += ["Tainan City,2015-08-17,2015-08-17,2"]
    counts, _ = imported(tmp_path, "county,onset_week_monday,notified_week_monday,cases", rows, "TWN")
    assert list(counts.values()) == [7, 0, 2]
    assert min(counts) == ("Tainan City", "2015-08-09")


def test_units_tags_and_the_nation(tmp_path: Path) -> None:
    chap = "2003-12-29/2004-01-04,0.004,300.15,7.0,100018,leon"
    write(
        tmp_path / "from" / "nic.csv",
        "time_period,rainfall,mean_temperature,disease_cases,population,location",
        [chap, "2004-01-05/2004-01-11,0.001,299.15,,100588,leon"],
    )
    write(
        tmp_path / "from" / "phl.csv",
        "loc,cases,date,Region",
        ["#adm2+name,#affected+infected,#date,#region", "ALBAY,15,1/10/2016,REGION V-BICOL REGION"],
    )
    weeks = [dengue(country, "", "2016-01-03", "2016-01-09", 99, period="Week") for country in ("PHL", "KHM")]
    write(tmp_path / "from" / "opendengue.csv", DENGUE, weeks)
    done = import_folder(tmp_path / "from", tmp_path / "to")
    (row,) = lines(tmp_path / "to" / "NIC" / "health_weekly.csv")
    assert (row["rainfall"], row["mean_temperature"], row["disease_cases"]) == ("28.0", "27.0", "7")
    assert "population" not in row  # the file's is a filler
    assert counts_of(tmp_path / "to", "PHL") == {("ALBAY", "2016-01-09"): 15}
    assert counts_of(tmp_path / "to", "KHM") == {("KHM", "2016-01-09"): 99}
    assert not done.unused


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("date,epiweek,uf,casos,enso", "2010-01-03,201001,XX,7,0.1", "row 2, column 'uf': 'XX' is no place of BRA"),
        ("date,epiweek,uf,casos,enso", "2010-01-03,201001,AC,7.5,0.1", "row 2, column 'casos': '7.5' is no whole"),
        ("departamento,provincia,ano,semana,cases", "LIMA,LIMA,2021,53,1", "week '53' of '2021' is none"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, header: str, row: str, message: str) -> None:
    write(tmp_path / "from" / "weeks.csv", header, [row])
    with pytest.raises(DataError, match=message):
        import_folder(tmp_path / "from", tmp_path / "to")
    assert not (tmp_path / "to").exists()


# the public files


@pytest.fixture(scope="module")
def weekly_data() -> Path:
    folder = Path(os.environ.get("GOTONG_TEST_WEEKLY", WEEKLY_DATA))
    if not folder.is_dir():
        pytest.skip(f"no public files at {folder}: set GOTONG_TEST_WEEKLY to their folder")
    return folder


@pytest.fixture(scope="module")
def nations(weekly_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Imported]:
    to = tmp_path_factory.mktemp("nations")
    return to, import_folder(weekly_data, to)


def raw(weekly_data: Path, name: str) -> Iterator[dict[str, str]]:
    with gzip.open(weekly_data / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def day(text: str, form: str = "%Y-%m-%d", later: int = 0) -> str:
    return str(datetime.strptime(text, form).date() + timedelta(days=later))


def expected(weekly_data: Path, country: str) -> Counter[tuple[str, str]]:
    """(place, last day) -> cases of a country's own file; the rules again, with nothing but the csv module."""
    count: Counter[tuple[str, str]] = Counter()
    for row in raw(weekly_data, FILES[country]):
        if country == "LKA":
            last = date.fromisoformat(day(row["end.date"], "%m/%d/%Y"))
            key, cases = (row["district"], str(last - timedelta(days=last.weekday() == 5))), row["cases"]
        elif country == "BRA":
            key, cases = (row["uf"], day(row["date"], later=6)), row["casos"]
        elif country == "NIC":
            key, cases = (row["location"], row["time_period"].split("/")[1]), row["disease_cases"].removesuffix(".0")
        elif country == "PHL":
            if row["loc"].startswith("#"):
                continue
            key, cases = (row["loc"].strip(), day(row["date"], "%m/%d/%Y", later=-1)), row["cases"]
        elif country == "PER":  # the first week of an epidemiological year holds 4 January
            fourth = date(int(row["ano"]), 1, 4)
            saturday = fourth + timedelta(days=(5 - fourth.weekday()) % 7, weeks=int(row["semana"]) - 1)
            key, cases = (f"{row['departamento']}/{row['provincia']}", str(saturday)), row["cases"]
        else:
            key, cases = (row["county"], day(row["onset_week_monday"], later=6)), row["cases"]
        if cases and key[0] not in ("", "\\N/\\N"):
            count[key] += int(cases)
    return count


@pytest.mark.long
@pytest.mark.parametrize("country", FILES)
def test_every_count_of_a_place(weekly_data: Path, nations: tuple[Path, Imported], country: str) -> None:
    counts, count = counts_of(nations[0], country), expected(weekly_data, country)
    places, weeks = {place for place, _ in count}, {last for _, last in count}
    if country == "PER":
        assert set(counts) == {(place, last) for place in places for last in weeks}
    elif country == "TWN":
        days = (date.fromisoformat(max(weeks)) - date.fromisoformat(min(weeks))).days
        assert len(counts) == len(places) * (days // 7 + 1)
    else:
        assert set(counts) == set(count)
    assert all(count[key] == cases for key, cases in counts.items())
    assert sum(counts.values()) == sum(count.values()) > 50_000
    spaced = {date.fromisoformat(last).weekday() for _, last in counts}
    assert len(spaced) == 1, "every week ends on one weekday"


@pytest.mark.long
def test_every_national_week(weekly_data: Path, nations: tuple[Path, Imported]) -> None:
    count: dict[str, Counts] = defaultdict(dict)
    for row in raw(weekly_data, "opendengue_weekly_national"):
        if row["ISO_A0"] not in FILES:
            key = (row["ISO_A0"], day(row["calendar_start_date"], later=6))
            assert key not in count[row["ISO_A0"]], "no week of this extract has two definitions"
            count[row["ISO_A0"]][key] = int(row["dengue_total"])
    assert len(count) == 8
    for country, expected_counts in count.items():
        assert counts_of(nations[0], country) == expected_counts
    assert len(count["MYS"]) == 416 + 126  # Total, and Confirmed in the years that have no Total
    assert not nations[1].unused
