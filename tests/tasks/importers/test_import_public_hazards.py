"""The import of public records of rivers and prices, against counts of the raw files by the csv module alone."""

import csv
import gzip
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.files.check import check
from tasks.importers.contract import Imported
from tasks.importers.folder import import_folder
from tests.tasks.importers.excerpts import lines
from tests.whole import IN_FULL

pytestmark = pytest.mark.skipif(not IN_FULL, reason="two million rows: scripts/prove ends")
RIVERS = {"CHE": "CH", "AUT": "AT", "DEU": "DE", "FRA": "FR", "ITA": "IT"}


def raw(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as text:
        yield from csv.DictReader(text)


@pytest.fixture(scope="module")
def hazards(public_data: Path) -> Path:
    folder = public_data.parent / "hazards"
    if not folder.is_dir():
        pytest.skip(f"no public files at {folder}")
    return folder


@pytest.fixture(scope="module")
def prices(hazards: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Imported]:
    to = tmp_path_factory.mktemp("prices")
    return to, import_folder(hazards / "prices", to)


def test_prices(hazards: Path, prices: tuple[Path, Imported]) -> None:
    to, done = prices
    keys = ("market", "commodity", "unit", "pricetype", "currency", "month")
    rows = list(raw(hazards / "prices" / "wfp_food_prices_asean.csv.gz"))
    assert done.unused == {}
    for country in sorted({row["iso3"] for row in rows}):
        own = [row for row in rows if row["iso3"] == country]
        seen = {tuple(row[key] for key in keys): float(row["price"]) for row in own if row["priceflag"] == "actual"}
        written = lines(to / country / "prices.csv")
        assert len(written) == len(seen) > 200
        assert math.fsum(float(row["price"]) for row in written) == pytest.approx(math.fsum(seen.values()), rel=1e-12)
        (report,) = [
            each for each in done.reports if each.country == country and each.file and each.file.stem == "prices"
        ]
        assert report.records == len(own) == report.kept + sum(report.dropped.values())
        assert report.dropped.get("forecasts, by their flag", 0) == sum(row["priceflag"] == "forecast" for row in own)
    (slip,) = [each for each in check(to / "LAO" / "prices.csv") if each.value == "22555"]
    assert (slip.kind, slip.period, slip.warning) == ("far", "2017-02", True)


def test_world_prices(hazards: Path, prices: tuple[Path, Imported]) -> None:
    with (hazards / "prices" / "worldbank_pinksheet_food_monthly.csv").open() as text:
        values = [
            float(value) for row in csv.DictReader(text) for name, value in row.items() if name != "month" and value
        ]
    written = [float(row["price"]) for row in lines(prices[0] / "KHM" / "prices_world.csv")]
    assert len(written) == len(values)
    assert math.fsum(written) == pytest.approx(math.fsum(values), rel=1e-12)


def test_rivers(hazards: Path, tmp_path: Path) -> None:
    done = import_folder(hazards / "streamflow", tmp_path / "to")
    assert done.unused == {}
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == sorted(RIVERS)
    for country, code in RIVERS.items():
        public = {"flow": 0, "rain": 0, "rows": 0, "sum": 0.0}
        for row in raw(hazards / "streamflow" / f"camels_ch_{code}.csv.gz"):
            public["rows"] += 1
            public["flow"] += row["discharge_mm_d"] != ""
            public["rain"] += row["precipitation_mm_d"] != ""
            public["sum"] += float(row["discharge_mm_d"] or 0)
        written = lines(tmp_path / "to" / country / "river.csv")
        assert len(written) == public["rows"]
        assert sum(row["streamflow"] != "" for row in written) == public["flow"]
        assert sum(row["precipitation"] != "" for row in written) == public["rain"]
        assert sum(float(row["streamflow"] or 0) for row in written) == pytest.approx(public["sum"], rel=1e-9)
        gauges = {row["gauge_id"] for row in lines(tmp_path / "to" / country / "river_gauges.csv")}
        assert gauges == {row["gauge_id"] for row in written}
