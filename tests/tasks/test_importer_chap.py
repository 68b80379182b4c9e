"""CHAP tables -> national files."""

import csv
import gzip
from calendar import monthrange
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import DataError
from tasks.health.records import read_panel
from tasks.health.settings import HealthSettings
from tasks.importers import FORMATS
from tasks.importers.chap import FORMAT
from tasks.importers.contract import ImportReport
from tasks.importers.folder import import_folder
from tests.tasks.importers.excerpts import CHAP as HEADER
from tests.tasks.importers.excerpts import lines, write

LAOS = (
    "2000-01,LA-AT,0,100456,Attapeu,0.5,25.163697396164544,54.3",
    "2000-02,LA-AT,,100456,Attapeu,2,26.7,54.8",
    "2000-01,LA-VT,12,692900,Vientiane,1.25,24.0,60",
    "2001-02,LA-VT,7,692900,Vientiane,2,24.5,",
)


def import_chap(source: Path, to: Path) -> ImportReport:
    """The only national file of one table."""
    (report,) = import_folder(source, to).reports
    return report


def test_a_table_becomes_a_national_file(tmp_path: Path) -> None:
    source = write(tmp_path / "chap.csv", HEADER, LAOS)
    report = import_chap(source, tmp_path / "to")
    assert (report.sources, report.country, report.kept, dict(report.dropped)) == ((source,), "LAO", 4, {})
    assert report.file == tmp_path / "to" / "LAO" / "health.csv"
    rows = lines(report.file)
    assert [row["time_period"] for row in rows] == ["2000-01", "2000-02", "2000-01", "2001-02"]
    assert [row["location"] for row in rows] == ["LA-AT", "LA-AT", "LA-VT", "LA-VT"]
    assert [row["disease_cases"] for row in rows] == ["0", "", "12", "7"]
    assert [row["population"] for row in rows] == ["100456", "100456", "692900", "692900"]
    # 31 days, 29 in a leap year's February, 28 in another's
    assert [float(row["rainfall"]) for row in rows] == [15.5, 58, 38.75, 56]
    assert [row["mean_temperature"] for row in rows] == ["25.163697396164544", "26.7", "24.0", "24.5"]
    assert [row["mean_relative_humidity"] for row in rows] == ["54.3", "54.8", "60.0", ""]
    assert rows[0]["location_name"] == "Attapeu"


@settings(max_examples=40)
@given(month=st.integers(1, 12), year=st.integers(1900, 2099), rain=st.floats(0, 20))
def test_rain_of_a_day_becomes_rain_of_the_month(
    tmp_path_factory: pytest.TempPathFactory, month: int, year: int, rain: float
) -> None:
    folder = tmp_path_factory.mktemp("rain")
    row = f"{year}-{month:02d},TH-10,1,1000000,Bangkok,{rain!r},27,70"
    converted = lines(import_chap(write(folder / "chap.csv", HEADER, [row]), folder).file)
    assert float(converted[0]["rainfall"]) == pytest.approx(rain * monthrange(year, month)[1], abs=6e-4)


@pytest.mark.parametrize(("prefix", "country"), [("TH", "THA"), ("VN", "VNM"), ("TL", "TLS"), ("SG", "SGP")])
def test_the_prefix_names_the_country(tmp_path: Path, prefix: str, country: str) -> None:
    rows = [row.replace("LA-", f"{prefix}-") for row in LAOS]
    assert import_chap(write(tmp_path / "chap.csv", HEADER, rows), tmp_path).country == country


def test_rows_that_say_nothing_are_counted_and_left_out(tmp_path: Path) -> None:
    rows = (*LAOS, "2000-03,LA-AT,,,Attapeu,,,", "2000-04,LA-AT,,,Attapeu,,,", "2000-05,LA-AT,3,,Attapeu,,,")
    report = import_chap(write(tmp_path / "chap.csv", HEADER, rows), tmp_path)
    assert (report.kept, dict(report.dropped)) == (5, {"no value at all": 2})
    assert [row["time_period"] for row in lines(report.file)][-1] == "2000-05"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2000-01,TH-10,1,1000,Bangkok,1,27,70", "row 6.*'TH-10' follows locations of LA. Split"),
        ("2000-01,BR-SP,1,1000,x,1,27,70", "row 6.*'BR-SP' lies in no member state"),
        ("2000-01,LAO,1,1000,x,1,27,70", "row 6.*'LAO' lies in no member state"),
        ("2000-01,LA,1,1000,x,1,27,70", "row 6.*'LA' lies in no member state"),
        ("2000-02,LA-AT,1,1000,x,1,27,70", "row 6.*twice"),
        ("2000-03,LA-AT,-1,1000,x,1,27,70", "row 6.*'disease_cases'.*-1"),
        ("2000-03,LA-AT,1.5,1000,x,1,27,70", "row 6.*'disease_cases'.*1.5.*no whole number"),
        ("2000-03,LA-AT,1,1000,x,-0.1,27,70", "row 6.*'rainfall'.*-0.1"),
        ("2000-13,LA-AT,1,1000,x,1,27,70", "row 6.*'time_period'.*2000-13"),
        ("2000W13,LA-AT,1,1000,x,1,27,70", "row 6.*'time_period'.*2000W13"),
    ],
)
def test_what_is_wrong_is_said_with_its_row(tmp_path: Path, row: str, said: str) -> None:
    source = write(tmp_path / "chap.csv", HEADER, [*LAOS, row])
    with pytest.raises(DataError, match=said) as caught:
        import_chap(source, tmp_path / "to")
    assert str(source) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "to").exists()


def test_rain_of_the_month_is_not_multiplied_again(tmp_path: Path) -> None:
    """A national file has the same columns as a CHAP table; only its rain is in another unit."""
    days = [f"{2000 + month // 12}-{month % 12 + 1:02d},LA-AT,1,100456,Attapeu,5,25,70" for month in range(24)]
    national = import_chap(write(tmp_path / "chap.csv", HEADER, days), tmp_path / "to").file
    assert national is not None
    with pytest.raises(DataError, match=r"rainfall.*mean 152.* national file already"):
        import_chap(national, tmp_path / "again")


@pytest.mark.parametrize("column", HEADER.split(","))
def test_columns_are_recognised_whole(column: str) -> None:
    columns = frozenset(HEADER.split(","))
    assert not FORMAT.fits(columns - {column})
    assert not FORMAT.fits(columns | {f"{column}_2"})
    assert [name for name, known in FORMATS.items() if known.fits(columns)] == ["chap"]


@pytest.mark.parametrize(
    ("country", "rows", "reported", "shape"),
    [("LAO", 2_376, 2_192, (18, 132)), ("VNM", 8_316, 8_100, (63, 132)), ("THA", 25_872, 25_176, (77, 336))],
)
def test_the_public_files(
    tmp_path: Path, public_data: Path, country: str, rows: int, reported: int, shape: tuple[int, int]
) -> None:
    source = public_data / "health" / f"chap_{country}.csv.gz"
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        original = list(csv.DictReader(file))
    report = import_chap(source, tmp_path)
    converted = lines(report.file)
    assert len(original) == len(converted) == report.kept == rows
    assert not report.dropped
    for name in ("time_period", "location", "location_name", "disease_cases", "population"):
        assert [row[name] for row in converted] == [row[name].strip() for row in original]
    panel = read_panel(tmp_path / country, country, HealthSettings())
    assert panel.target.shape == shape
    assert (panel.target >= 0).sum() == reported


@pytest.mark.parametrize("country", ["LAO", "THA", "VNM"])
def test_rain_agrees_with_national_totals_of_another_file(tmp_path: Path, public_data: Path, country: str) -> None:
    """Evidence for mm a day: ERA5 by country, mm a month, was made by other people from the same reanalysis."""
    import_chap(public_data / "health" / f"chap_{country}.csv.gz", tmp_path)
    rain = [float(row["rainfall"]) for row in lines(tmp_path / country / "health.csv")]
    years = {row["time_period"][:4] for row in lines(tmp_path / country / "health.csv")}
    era = lines(public_data / "climate" / "era_pre_monthly.csv")
    totals = [float(row[country]) for row in era if row["Date"][1:5] in years]
    assert sum(rain) / len(rain) == pytest.approx(sum(totals) / len(totals), rel=0.12)
