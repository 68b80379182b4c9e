"""FAO yields, GDHY cells, calendars and areas -> agriculture.csv and agriculture_weather.csv."""

from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.importers import cells, fao
from tasks.importers.folder import import_folder
from tests.tasks.importers.excerpts import FAO, calendar, calendar_header, lines, public_folder, write


def test_yields_of_the_nation_and_of_cells_share_a_file(tmp_path: Path) -> None:
    import_folder(public_folder(tmp_path / "from"), tmp_path / "to")
    rows = lines(tmp_path / "to" / "THA" / "agriculture.csv")
    values = [(row["adm_id"], row["crop_name"], row["harvest_year"], row["yield"], row["observed"]) for row in rows]
    assert values == [
        ("14.5_100.5", "maize", "2000", "2.5", "1"),
        ("14.5_100.5", "rice", "2000", "3.5", "1"),
        ("THA", "cocoa_beans", "2000", "0.5", "1"),
        ("THA", "rice", "1999", "2.5", "1"),
        ("THA", "rice", "2000", "2.5", "0"),  # repeats 1999 to the last digit
    ]
    assert {row["country_code"] for row in rows} == {"THA"}
    assert [(row["planting_month"], row["harvest_month"], row["area"]) for row in rows[:3]] == [
        ("5", "9", "0.1"),
        ("7", "12", "0.3"),
        ("", "", ""),
    ]
    south = lines(tmp_path / "to" / "IDN" / "agriculture.csv")
    assert [(row["adm_id"], row["crop_name"]) for row in south] == [("-1.5_101.5", "rice"), ("-1.5_101.5", "rice_2")]
    assert (south[1]["planting_month"], south[1]["harvest_month"]) == ("11", "3")  # across New Year


def test_what_has_no_yield_is_counted(tmp_path: Path) -> None:
    reports = import_folder(public_folder(tmp_path / "from"), tmp_path / "to").reports
    thai = next(each for each in reports if each.country == "THA" and each.task == "agriculture")
    # three crops of a cell and year, two crops of two years of the nation; 'World' is no member
    assert (thai.records, thai.kept, dict(thai.dropped)) == (7, 5, {"no yield given": 2})


def test_weather_reaches_back_to_the_sowing_of_the_first_harvest(tmp_path: Path) -> None:
    import_folder(public_folder(tmp_path / "from"), tmp_path / "to")
    assert lines(tmp_path / "to" / "THA" / "agriculture_weather.csv") == [
        {
            "time_period": "2000-01",
            "adm_id": "THA",
            "rainfall": "10.5",
            "mean_temperature": "25.5",
            "spei": "-0.5",
            "nino34": "-1.6",
        },
        {
            "time_period": "2000-02",
            "adm_id": "THA",
            "rainfall": "30.0",
            "mean_temperature": "26.0",
            "spei": "0.4",
            "nino34": "-1.4",
        },
    ]


def test_a_value_repeated_after_a_gap_was_observed(tmp_path: Path) -> None:
    rows = ["1,T,THA,1999,2.5,", "2,T,THA,2001,2.5,", "3,T,THA,2002,2.5,", "4,V,VNM,2003,2.5,"]
    table = fao.read(write(tmp_path / "fao.csv", FAO, rows)).table
    rice = table[table["crop_name"] == "rice"]
    assert dict(zip(rice["harvest_year"], rice["observed"], strict=True)) == {1999: 1, 2001: 1, 2002: 0, 2003: 1}


def test_half_a_calendar_is_left_out(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    (source / "harvest.csv").unlink()
    done = import_folder(source, tmp_path / "to")
    assert "planting_month" not in lines(tmp_path / "to" / "THA" / "agriculture.csv")[0]
    assert "planting.csv" in [path.name for path in done.unused]


def test_a_crop_that_is_planted_twice_is_refused(tmp_path: Path) -> None:
    rows = calendar("plant", {"Rice": 7, "Maize": 5})
    rows[0] = rows[0].replace("100.5,14.5,1,7.0", "100.5,14.5,1,1.0")
    assert rows != calendar("plant", {"Rice": 7, "Maize": 5})
    with pytest.raises(DataError, match=r"row 8, column 'Rice_plant_mid': 1 stands in two months"):
        cells.read_calendar("plant", write(tmp_path / "planting.csv", calendar_header("plant"), rows))


@pytest.mark.parametrize(("factor", "shown"), [(10, "mean 25,"), (1000, "mean 2500,")])
def test_another_unit_is_noticed(tmp_path: Path, factor: int, shown: str) -> None:
    rows = [f"{year},T,THA,{year},{2.5 * factor},0.5" for year in range(1961, 2001)]
    with pytest.raises(DataError, match=rf"Rice \(tonnes per hectare\).*{shown}"):
        fao.read(write(tmp_path / "fao.csv", FAO, rows))
