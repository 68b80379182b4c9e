"""What a finding says stands in the file, and what is no fault is not said."""

import csv
import gzip
from pathlib import Path

from tasks.disaster.schema import cell_id
from tasks.files.check import check
from tests.tasks.meaning.files import SOUND, Row, every, put, written

HEALTH, DISASTER, PRICES = "health.csv", "disaster.csv", "prices.csv"


def test_levels_in_whole_degrees_are_not_far(tmp_path: Path) -> None:
    """Of the tropics, where a month rarely differs from the next by a degree."""

    def steady(rows: list[Row]) -> None:
        for row in rows:
            row["mean_temperature"] = f"{26.8 + (float(row['mean_temperature']) - 28) / 2:.0f}"

    file = written(tmp_path, HEALTH, steady)
    assert len({row["mean_temperature"] for row in csv.DictReader(file.read_text().splitlines())}) > 1
    assert check(file) == []


def test_the_value_of_other_places_is_one_of_theirs(tmp_path: Path) -> None:
    usual = SOUND[DISASTER]()[28]["nino34"]
    file = written(tmp_path / "cells", DISASTER, put(30, "nino34", "1.99"))
    found = {each.row: each.what for each in check(file) if each.kind == "shared"}
    assert found == {
        30: f"is {float(usual):.10g} in other places of 2002-05",
        126: "is 1.99 in other places of 2002-05",
    }
    file = written(tmp_path / "markets", PRICES, every("latitude", lambda _: "17.9", 62, 91))
    found = {each.row: each.what for each in check(file) if each.kind == "moved-place"}
    assert set(found.values()) == {"is 15.5 in other rows of 'Nan'", "is 17.9 in other rows of 'Nan'"}


def test_cells_on_both_sides_of_the_dateline_are_near(tmp_path: Path) -> None:
    def fiji(rows: list[Row]) -> None:
        months = rows[:24]
        centres = ((177.5, -17.5), (178.5, -17.5), (178.5, -18.5), (179.5, -16.5), (-179.5, -16.5))
        rows[:] = [
            {**row, "location": cell_id(*each), "longitude": str(each[0]), "latitude": str(each[1])}
            for each in centres
            for row in months
        ]

    assert [str(each) for each in check(written(tmp_path, DISASTER, fiji)) if each.kind == "isolated"] == []


def test_the_other_file_may_be_packed(tmp_path: Path) -> None:
    file = written(tmp_path, DISASTER)
    months = {row["time_period"]: row["nino34"] for row in SOUND[DISASTER]()}
    lines = [f"{month},THA,{value if month != '2003-05' else '0.09'}" for month, value in months.items()]
    content = "\n".join(["time_period,adm_id,nino34", *lines]).encode()
    file.with_name("agriculture_weather.csv.gz").write_bytes(gzip.compress(content))
    assert [each.period for each in check(file) if each.kind == "other-file"] == ["2003-05"] * 2
