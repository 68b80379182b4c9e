"""National climate tables and ocean indices: months written X194001, files recognised by name, a stray first row."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.errors import DataError
from tasks.importers import FORMATS, climate, indices
from tests.tasks.importers.excerpts import write


def months(table: pd.DataFrame) -> list[str]:
    return [f"{month:%Y-%m}" for month in table["month"]]


def test_months_and_member_states_are_read(tmp_path: Path) -> None:
    read = climate.read(write(tmp_path / "era_pre_monthly.csv", "Date,THA,FRA", ["X194001,10.5,1", "X194012,NA,1"]))
    assert read is not None
    assert months(read.table) == ["1940-01"]  # NA is missing, and France is nobody's here
    assert read.table[["country", "value"]].to_numpy().tolist() == [["THA", 10.5]]


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("era_pre_monthly.csv", "era_pre"),
        ("ERA_PRE_popweighted.csv", "era_pre_popweighted"),
        ("cru_tmp_monthly.csv", "cru_tmp"),
        ("my_spei_monthly.csv", "spei"),
        ("monthly.csv", None),
        ("rain.csv", None),
        ("pre_monthly.csv", None),
    ],
)
def test_the_name_gives_the_variable(tmp_path: Path, name: str, of: str | None) -> None:
    value = {"spei": "0.5", "cru_tmp": "25"}.get(str(of), "100")
    read = climate.read(write(tmp_path / name, "Date,THA", [f"X200001,{value}"]))
    assert (read and read.of) == of


@pytest.mark.parametrize(
    ("name", "usual", "row", "said"),
    [
        ("era_pre.csv", 100, "X200013,1", r"row 27.*'X200013' is not a month such as X194001"),
        ("era_pre.csv", 100, "200001,1", r"row 27.*'200001' is not a month"),
        ("era_pre.csv", 100, "X200201,1", r"row 27.*'X200201' is there twice"),
        ("era_pre.csv", 100, "X200203,-1", r"row 27.*'THA'.*-1"),
        ("era_tmp.csv", 44, "X200203,44", r"'THA'.*mean 44, expected 5 to 38"),  # rain under the name of temperature
        ("spei.csv", 9, "X200203,9", r"'THA'.*mean 9, expected -1.5 to 1.5"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, usual: int, row: str, said: str) -> None:
    rows = [f"X{2000 + number // 12}{number % 12 + 1:02d},{usual}" for number in range(25)]
    with pytest.raises(DataError, match=said):
        climate.read(write(tmp_path / name, "Date,THA", [*rows, row]))


def test_the_stray_first_row_of_the_dipole_is_left_out(tmp_path: Path) -> None:
    rows = ["1870,1,2025.0,1870-01-01", "1870,1,-0.438,1870-01-01", "1870,2,-0.2,1870-02-01"]
    read = indices.DIPOLE.read(write(tmp_path / "iod.csv", "year,month,iod,date", rows))
    assert read is not None
    assert months(read.table) == ["1870-01", "1870-02"]
    assert read.table["value"].tolist() == [-0.438, -0.2]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["1870,1,2025.0,x", "1870,2,-0.4,x"], r"row 2.*'iod'.*2025"),  # not repeated: not the stray row
        (["1870,1,0.5,x", "1870,1,0.4,x"], r"row 3.*'month'.*twice"),
        (["1870,1,0.5,x", "1870,2,0.5,x", "1870,3,99.9,x"], r"row 4.*99\.9.*no anomaly"),
        (["1870,13,0.5,x"], r"row 2.*'month'.*13"),
    ],
)
def test_other_odd_rows_are_refused(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        indices.DIPOLE.read(write(tmp_path / "iod.csv", "year,month,iod,date", rows))


@pytest.mark.parametrize(
    "header",
    [
        "Date,THA,VNM",
        "year,month,nino34,date",
        "year,month,iod,date",
        "x,y,year,mo,prec",
        "x,y,country,area_spam,area_i,area_r",
        "x,y,area_spam,area_i,area_r,area_h,area_l,area_s",
        "SID,ISO_TIME,LAT,LON,WMO_WIND",
        "Entity,Code,Year,Rice (tonnes per hectare)",
    ],
)
def test_one_format_and_no_other_knows_a_table(header: str) -> None:
    assert sum(known.fits(frozenset(header.split(","))) for known in FORMATS.values()) == 1


def test_columns_of_nothing_are_no_format() -> None:
    for header in ("Date", "Date,THA,rain", "x,y", "Entity,Code,Year", "Entity,Code,Year,Rice (kg)"):
        assert not any(known.fits(frozenset(header.split(","))) for known in FORMATS.values())
