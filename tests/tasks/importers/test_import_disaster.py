"""Rain of cells, the flood archive and national climate -> disaster.csv."""

from math import cos, hypot, pi, radians, sqrt
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import DataError
from tasks.importers.disaster import near
from tasks.importers.folder import import_folder
from tasks.places.names import country_of
from tests.tasks.importers.excerpts import FLOODS, lines, public_folder, write


def flood(
    number: int, country: str, began: str, point: str = "100.6,14.4", other: str = "0", area: float = 7000
) -> str:
    return f"{number},0,{country},{other},{point},{area},{began},{began},News,4,44,Heavy rain,1.0"


def marks(tmp_path: Path, floods: list[str]) -> dict[tuple[str, str], str]:
    """(country, month) -> flood, for a folder of one cell a country."""
    source = public_folder(tmp_path / "from")
    write(source / "floods.csv", FLOODS, floods)
    done = import_folder(source, tmp_path / "to")
    return {
        (report.country, row["time_period"]): row["flood"]
        for report in done.reports
        if report.task == "disaster"
        for row in lines(report.file)
    }


def test_a_cell_gets_its_rain_flood_and_what_the_country_shares(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    import_folder(source, tmp_path / "to")
    rows = lines(tmp_path / "to" / "THA" / "disaster.csv")
    assert rows == [
        {
            "time_period": "2000-01",
            "location": "E100.5N014.5",
            "longitude": "100.5",
            "latitude": "14.5",
            "rainfall": "50.0",
            "flood": "1",
            "national_rainfall": "10.5",
            "national_temperature": "25.5",
            "spei": "-0.5",
            "nino34": "-1.6",
            "dipole": "-0.4",
        },
        {
            **rows[0],
            "time_period": "2000-02",  # the flood began in January and lasted: it counts once
            "rainfall": "75.5",
            "flood": "",  # the archive ends with January
            "national_rainfall": "30.0",
            "national_temperature": "26.0",
            "spei": "0.4",
            "nino34": "-1.4",
            "dipole": "0.1",
        },
    ]
    assert lines(tmp_path / "to" / "IDN" / "disaster.csv")[0]["location"] == "E101.5S001.5"


def test_months_without_an_archive_are_unknown_and_others_zero(tmp_path: Path) -> None:
    marked = marks(tmp_path, [flood(1, "Thailand", "2000-02-10")])
    assert marked[("THA", "2000-01")] == ""
    assert marked[("THA", "2000-02")] == "1"
    assert marked[("IDN", "2000-02")] == "0"


def test_a_flood_marks_the_countries_it_names(tmp_path: Path) -> None:
    between = "101,6.5"  # about 8 degrees from either cell
    huge = 4e6
    named = marks(tmp_path / "one", [flood(1, "Thailand", "2000-01-10", "101,12", area=huge)])
    assert (named[("THA", "2000-01")], named[("IDN", "2000-01")]) == ("1", "0")
    near_both = [flood(1, "Thailand", "2000-01-10", "101.2,0.5", other="Indonesia\u00a0", area=huge)]
    both = marks(tmp_path / "two", near_both)
    assert (both[("THA", "2000-01")], both[("IDN", "2000-01")]) == ("0", "1")  # three degrees at most
    neither = marks(tmp_path / "three", [flood(1, "Thailand", "2000-01-10", between, other="Indonesia", area=huge)])
    assert (neither[("THA", "2000-01")], neither[("IDN", "2000-01")]) == ("0", "0")


def test_floods_nobody_can_place_are_counted(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    rows = [
        flood(1, "Indonesia", "2000-01-10", "-3.96,50.96"),  # in England
        flood(2, "Thailand", "2001-05-10"),  # after the rain table
        flood(3, "Singapore", "2000-01-10", "103.8,1.3"),
        flood(4, "China", "2000-01-10", "100.5,14.5"),
    ]
    write(source / "floods.csv", FLOODS, rows)
    reports = {each.country: each for each in import_folder(source, tmp_path / "to").reports if each.task == "disaster"}
    assert dict(reports["IDN"].dropped) == {"floods that cover no cell of the country": 1}
    assert dict(reports["THA"].dropped) == {"floods outside the months of the rain table": 1}
    assert (reports["SGP"].kept, reports["SGP"].file, reports["SGP"].records) == (0, None, 1)
    assert reports["THA"].records == 3


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Phillipines", "PHL"),
        ("Philipines", "PHL"),
        (" Philippines\u00a0", "PHL"),
        ("Viet Nam", "VNM"),
        ("Burma/Myanmar", "MMR"),
        ("Timor", "TLS"),
        ("East Timor\u00a0", "TLS"),
        ("LAOS", "LAO"),
        ("China", None),
        ("Taiwan", None),
        ("Bangladesh", None),
        ("India", None),
        ("Mali", None),
    ],
)
def test_names_of_countries(name: str, code: str | None) -> None:
    assert country_of(name, "here") == code


def test_a_name_that_looks_like_a_member_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"floods\.csv, row 3, column 'Country': 'Thailnd' is no country; write 'Thail"):
        marks(tmp_path, [flood(1, "Thailand", "2000-01-10"), flood(2, "Thailnd", "2000-01-10")])


@given(
    longitude=st.floats(95, 105),
    latitude=st.floats(-10, 20),
    area=st.floats(1, 1e6),
)
def test_a_circle_has_its_radius(longitude: float, latitude: float, area: float) -> None:
    radius = min(max(sqrt(area / pi) / 111.2, 0.75), 3.0)
    cells = pd.DataFrame({"x": [100.5, 99.5], "y": [4.5, 14.5]})
    expected = [
        hypot((x - longitude) * cos(radians((y + latitude) / 2)), y - latitude) for x, y in ((100.5, 4.5), (99.5, 14.5))
    ]
    for inside, distance in zip(near(cells, longitude, latitude, area), expected, strict=True):
        if abs(distance - radius) > 1e-9:
            assert inside == (distance < radius)


def test_rain_without_the_country_of_its_cells_is_refused(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    (source / "cells.csv").unlink()
    with pytest.raises(DataError, match=r"cpc\.csv names cells but not their countries.*cells_country\.csv"):
        import_folder(source, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_without_archive_or_climate_the_columns_stay_empty(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    for path in source.iterdir():
        if path.name not in ("cpc.csv", "cells.csv"):
            path.unlink()
    import_folder(source, tmp_path / "to")
    row = lines(tmp_path / "to" / "THA" / "disaster.csv")[0]
    assert list(row) == ["time_period", "location", "longitude", "latitude", "rainfall", "flood"]
    assert row["flood"] == ""


def test_two_tables_of_rain_are_refused(tmp_path: Path) -> None:
    source = public_folder(tmp_path / "from")
    (source / "copy.csv").write_bytes((source / "cpc.csv").read_bytes())
    with pytest.raises(DataError, match=r"cpc\.csv and .*copy\.csv|copy\.csv and .*cpc\.csv.*Keep one"):
        import_folder(source, tmp_path / "to")
