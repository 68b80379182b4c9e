"""The import of all public files, against counts taken from the raw files with nothing but the csv module."""

import csv
import gzip
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tasks.files.check import check, national_files
from tasks.importers.contract import Imported
from tasks.importers.folder import import_folder
from tests.tasks.importers.excerpts import lines
from tests.whole import IN_FULL

pytestmark = pytest.mark.skipif(not IN_FULL, reason="half a minute of public files: scripts/prove ends")

COUNTRIES = ("BRN", "IDN", "KHM", "LAO", "MMR", "MYS", "PHL", "SGP", "THA", "TLS", "VNM")
CELLS = {"IDN": 153, "MMR": 59, "THA": 44, "VNM": 31, "MYS": 30, "PHL": 26, "LAO": 17, "KHM": 16, "BRN": 1, "TLS": 1}
NAMES = {
    "Brunei": "BRN",
    "Indonesia": "IDN",
    "Cambodia": "KHM",
    "Laos": "LAO",
    "Myanmar": "MMR",
    "Malaysia": "MYS",
    "Philippines": "PHL",
    "Thailand": "THA",
    "Timor-Leste": "TLS",
    "Vietnam": "VNM",
}


def raw(path: Path) -> Iterator[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    yield from csv.DictReader(text.splitlines())


@pytest.fixture(scope="module")
def nations(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Imported]:
    to = tmp_path_factory.mktemp("nations")
    return to, import_folder(public_data, to)


def report(done: Imported, country: str, name: str) -> tuple[int, int, int]:
    """Rows kept, public records, and those left out."""
    (report,) = [each for each in done.reports if each.country == country and each.file and each.file.name == name]
    return report.kept, report.records, sum(report.dropped.values())


def between(start: date, end: date) -> Iterator[date]:
    while start <= end:
        yield start
        start += timedelta(days=1)


def month_length(year: int, month: int) -> int:
    return (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days


@pytest.mark.parametrize("country", COUNTRIES)
def test_health(public_data: Path, nations: tuple[Path, Imported], country: str) -> None:
    """Provinces' months, and whole-country months after the last of these; the rules again, in other words."""
    health = public_data / "health"
    names = ("opendengue_spatial.csv.gz", "opendengue_national.csv.gz")
    dengue = [row for name in names for row in raw(health / name) if row["ISO_A0"] == country]
    chap = list(raw(health / f"chap_{country}.csv.gz")) if country in ("LAO", "THA", "VNM") else []
    months = {
        (row["full_name"], row["calendar_start_date"])
        for row in dengue
        if row["T_res"] == "Month" and row["S_res"] != "Admin0"
    }
    provincial = {(row["location"], row["time_period"]) for row in chap} or months
    last = max((start[:7] for _, start in provincial), default="")
    national = {
        row["calendar_start_date"][:7] for row in dengue if row["T_res"] == "Month" and row["S_res"] == "Admin0"
    }
    weeks = {
        (date.fromisoformat(row["calendar_start_date"]), date.fromisoformat(row["calendar_end_date"]))
        for row in dengue
        if row["T_res"] == "Week"
    }
    days = Counter((day.year, day.month) for start, end in weeks for day in between(start, end))
    national |= {f"{year}-{month:02d}" for (year, month), count in days.items() if count == month_length(year, month)}
    kept, records, dropped = report(nations[1], country, "health.csv")
    assert kept == len(provincial) + sum(month > last for month in national)
    assert records == len(dengue) + len(chap)
    assert dropped < records


@pytest.mark.parametrize("country", ["IDN", "KHM", "MYS", "PHL", "SGP"])
def test_no_case_of_the_provinces_is_lost(public_data: Path, nations: tuple[Path, Imported], country: str) -> None:
    expected = sum(
        int(row["dengue_total"])
        for row in raw(public_data / "health" / "opendengue_spatial.csv.gz")
        if row["ISO_A0"] == country and row["T_res"] == "Month" and row["S_res"] != "Admin0"
    )
    rows = lines(nations[0] / country / "health.csv")
    assert sum(int(row["disease_cases"]) for row in rows if row["location"] != country) == expected


def test_philippine_zeros_are_reported_ones(nations: tuple[Path, Imported]) -> None:
    cases = [row["disease_cases"] for row in lines(nations[0] / "PHL" / "health.csv")]
    assert "0" not in cases
    assert "" not in cases


@pytest.mark.parametrize("country", CELLS)
def test_disaster(public_data: Path, nations: tuple[Path, Imported], country: str) -> None:
    owner = {(row["x"], row["y"]): NAMES[row["country"]] for row in raw(public_data / "disaster" / "cells_country.csv")}
    rain = list(raw(public_data / "disaster" / "cpc_precipitation_1deg_monthly.csv.gz"))
    own = [row for row in rain if owner[(row["x"], row["y"])] == country]
    rows = lines(nations[0] / country / "disaster.csv")
    assert len(own) == len(rows) == report(nations[1], country, "disaster.csv")[0] == 456 * CELLS[country]
    assert sum(float(row["prec"]) for row in own) == pytest.approx(sum(float(row["rainfall"]) for row in rows))
    assert {row["flood"] for row in rows if row["time_period"] < "1985-01"} == {""}
    assert {row["flood"] for row in rows if row["time_period"] >= "1985-01"} <= {"0", "1"}


def test_floods_of_thailand_cell_by_cell(public_data: Path, nations: tuple[Path, Imported]) -> None:
    owner = raw(public_data / "disaster" / "cells_country.csv")
    cells = [(float(row["x"]), float(row["y"])) for row in owner if row["country"] == "Thailand"]
    marked = set()
    for event in raw(public_data / "disaster" / "dfo_floods.csv"):
        if "Thailand" in (event["Country"].strip(), event["OtherCountry"].strip()):
            radius = min(max(math.sqrt(float(event["Area"]) / math.pi) / 111.2, 0.75), 3)
            for x, y in cells:
                north = y - float(event["lat"])
                east = (x - float(event["long"])) * math.cos(math.radians((y + float(event["lat"])) / 2))
                if math.hypot(east, north) <= radius:
                    marked.add((x, y, event["Began"][:7]))
    rows = lines(nations[0] / "THA" / "disaster.csv")
    flooded = {
        (float(row["longitude"]), float(row["latitude"]), row["time_period"]) for row in rows if row["flood"] == "1"
    }
    assert len(flooded) > 100
    assert flooded == marked


@pytest.mark.parametrize("country", COUNTRIES)
def test_agriculture(public_data: Path, nations: tuple[Path, Imported], country: str) -> None:
    folder = public_data / "agriculture"
    owner = {(row["x"], row["y"]): NAMES[row["country"]] for row in raw(public_data / "disaster" / "cells_country.csv")}
    national = sum(
        value != ""
        for row in raw(folder / "fao_crop_yields_national.csv")
        if row["Code"] == country
        for name, value in row.items()
        if name.endswith("(tonnes per hectare)")
    )
    cells = sum(
        row[name] != ""
        for row in raw(folder / "gdhy_yields_1deg.csv.gz")
        if owner[(row["x"], row["y"])] == country
        for name in ("Rice_yield", "Rice.2_yield", "Maize_yield")
    )
    kept, records, dropped = report(nations[1], country, "agriculture.csv")
    rows = lines(nations[0] / country / "agriculture.csv")
    assert kept == len(rows) == national + cells == records - dropped
    assert sum(row["adm_id"] == country for row in rows) == national


def test_carried_forward_yields(public_data: Path, nations: tuple[Path, Imported]) -> None:
    repeated = 0
    before: dict[tuple[str, str], tuple[int, str]] = defaultdict(lambda: (0, ""))
    for row in raw(public_data / "agriculture" / "fao_crop_yields_national.csv"):
        for name, value in row.items():
            if name.endswith("(tonnes per hectare)"):
                repeated += value != "" and before[row["Code"], name] == (int(row["Year"]) - 1, value)
                before[row["Code"], name] = (int(row["Year"]), value)
    marked = sum(row["observed"] == "0" for code in COUNTRIES for row in lines(nations[0] / code / "agriculture.csv"))
    assert marked == repeated > 50


def test_seasons_are_those_of_the_field(nations: tuple[Path, Imported]) -> None:
    """Central Thailand sows its main rice in July and harvests in December; the second follows from February to May."""
    rows = [row for row in lines(nations[0] / "THA" / "agriculture.csv") if row["adm_id"] == "14.5_100.5"]
    months = {(row["crop_name"], row["planting_month"], row["harvest_month"]) for row in rows}
    assert {("rice", "7", "12"), ("rice_2", "2", "5")} <= months


def test_every_file_is_what_its_task_expects(nations: tuple[Path, Imported]) -> None:
    files = national_files(nations[0])
    assert len(files) == 11 + 10 + 2 * 11
    for file in files:
        if file.parent.name in ("BRN", "KHM", "SGP"):  # the import has checked them all
            assert not [problem for problem in check(file) if not problem.warning]


def test_public_files_that_no_task_needs(nations: tuple[Path, Imported]) -> None:
    names = sorted(path.name for path in nations[1].unused)
    assert [name for name in names if name.endswith((".csv", ".csv.gz"))] == [
        "cru_pre_monthly.csv",
        "cru_tmp_monthly.csv",
        "ibtracs_wp.csv.gz",
        "nasa_landslides.csv.gz",
        "spam2010_rice_area_1deg.csv",
    ]
