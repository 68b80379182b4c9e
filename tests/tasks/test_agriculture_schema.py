"""National files of yields: what is read, and the errors of what is not."""

from pathlib import Path

import numpy as np
import pytest

from tasks.agriculture.records import read_panel
from tasks.agriculture.schema import CROPS
from tasks.agriculture.settings import AgricultureSettings
from tasks.errors import DataError, SettingError
from tasks.settings import Calendar

HEADER = "crop_name,country_code,adm_id,harvest_year,yield,planting_month,harvest_month,observed\n"
ROWS = (
    "rice,LAO,LAO,2001,3.0,6,11,1\nrice,LAO,LAO,2002,3.0,6,11,0\nrice,LAO,LAO,2004,3.5,6,11,1\n"
    "maize,LAO,LAO,2002,2.0,,,1\nrice,LAO,17.5_102.5,2002,4.0,12,4,1\n"
)
CELLS = AgricultureSettings(view="cells")


def write(folder: Path, rows: str, weather: str = "") -> Path:
    (folder / "agriculture.csv").write_text(HEADER + rows)
    if weather:
        (folder / "agriculture_weather.csv").write_text("time_period,adm_id,rainfall,nino34\n" + weather)
    return folder


def test_a_view_reads_its_rows_and_nothing_carried_forward(tmp_path: Path) -> None:
    panel = read_panel(write(tmp_path, ROWS), "LAO", AgricultureSettings())
    assert panel.places == ("LAO/maize", "LAO/rice")
    assert panel.periods.astype(str).tolist() == ["2001-12", "2002-12", "2003-12", "2004-12"]
    np.testing.assert_array_equal(panel.target, [[np.nan, 2, np.nan, np.nan], [3, np.nan, np.nan, 3.5]])
    assert [CROPS[crop] for crop in panel.static["crop"]] == ["maize", "rice"]
    assert panel.static["planting_month"].tolist() == [1, 6]
    assert panel.static["harvest_month"].tolist() == [12, 11]
    cells = read_panel(tmp_path, "LAO", CELLS)
    assert cells.places == ("17.5_102.5/rice",)
    assert cells.target.tolist() == [[4.0]]


def test_a_place_takes_its_own_weather_or_its_countrys(tmp_path: Path) -> None:
    months = [f"{year}-{month:02d}" for year in (2001, 2002) for month in range(1, 13)]
    country = "".join(f"{each},LAO,{number + 100},0.5\n" for number, each in enumerate(months))
    own = "".join(f"{each},17.5_102.5,{number + 300},\n" for number, each in enumerate(months))
    rows = ROWS + "maize,LAO,18.5_102.5,2002,2.1,1,12,1\n"
    panel = read_panel(write(tmp_path, rows, country + own), "LAO", CELLS)
    assert panel.places == ("17.5_102.5/rice", "18.5_102.5/maize")
    # rice, December to April: phases December-January, February, March, April
    rain = [panel.covariates[f"rainfall_{phase}"][:, 0].tolist() for phase in range(4)]
    assert [phase[0] for phase in rain] == [311.5, 313, 314, 315]
    assert [phase[1] for phase in rain] == [
        113,
        116,
        120,
        123,
    ]  # the calendar year 2002 in quarters, the last cut short
    assert np.isnan(panel.covariates["nino34_1"][0, 0])
    assert panel.covariates["nino34_1"][1, 0] == 0.5
    assert np.isnan(panel.covariates["spei_0"]).all()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("rise,LAO,LAO,2005,3,6,11,1", ["row 7", "crop_name", "'rise'", "rice_2"]),
        ("rice,LAO,LAO,2005,3200,6,11,1", ["row 7", "yield", "3200", "t/ha"]),
        ("rice,LAO,LAO,2005,3,7,11,1", ["row 7", "planting_month", "7", "earlier years"]),
        ("beans,LAO,LAO,2005,3,7,,1", ["row 7", "harvest_month", "both months"]),
        ("beans,LAO,LAO,2005,3,7.5,9,1", ["row 7", "planting_month", "7.5", "whole number"]),
        ("beans,LAO,LAO,2005,3,7,13,1", ["row 7", "harvest_month", "13"]),
        ("beans,LAO,LAO,2005,3,7,9,0.5", ["row 7", "observed", "0.5", "1, or 0"]),
        ("beans,LAO,LAO,05,3,7,9,1", ["row 7", "harvest_year", "'05'", "2004"]),
        ("rice,LAO,LAO,2004,3.6,6,11,1", ["row 7", "twice"]),
        ("rice,VNM,VNM,2004,3.6,6,11,1", ["row 7", "country_code", "'VNM'", "LAO"]),
    ],
)
def test_a_mistake_is_one_line_with_row_value_and_remedy(tmp_path: Path, row: str, words: list[str]) -> None:
    with pytest.raises(DataError) as error:
        read_panel(write(tmp_path, f"{ROWS}{row}\n"), "LAO", AgricultureSettings())
    assert "\n" not in str(error.value)
    for word in ["agriculture.csv", *words]:
        assert word in str(error.value)


def test_a_view_without_rows_names_the_other(tmp_path: Path) -> None:
    write(tmp_path, "rice,LAO,LAO,2004,3.6,6,11,1\n")
    with pytest.raises(DataError, match=r"no row of an adm_id other than LAO, which task\.view=cells reads"):
        read_panel(tmp_path, "LAO", CELLS)


def test_weather_of_another_country_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ROWS, "2001-01,VNM,100,0.1\n")
    with pytest.raises(DataError, match=r"agriculture_weather\.csv: holds no row of adm_id LAO"):
        read_panel(tmp_path, "LAO", AgricultureSettings())


@pytest.mark.parametrize(
    "settings",
    [
        AgricultureSettings(view="provinces"),
        AgricultureSettings(weather=["rain"]),
        AgricultureSettings(weather=["spei", "spei"]),
        AgricultureSettings(dropout=1.0),
        AgricultureSettings(dropout=float("nan")),
        AgricultureSettings(hidden=[0]),
        AgricultureSettings(calendar=Calendar(train_until="2008-12", validate_until="2007-12", test_until="2013-12")),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: AgricultureSettings) -> None:
    AgricultureSettings().check()
    with pytest.raises(SettingError, match="task"):
        settings.check()


@pytest.mark.parametrize("factor", [10, 1000, 0.1], ids=["10 times", "1000 times", "a tenth"])
def test_a_crop_in_another_unit_is_named(tmp_path: Path, factor: float) -> None:
    """One column holds all crops, and ten times the yield of rice is a yield of potatoes."""
    years = range(1990, 2020)
    good = "".join(f"potatoes,LAO,LAO,{year},{12 + year % 3},,,1\n" for year in years)
    rice = "".join(f"rice,LAO,LAO,{year},{(4 + year % 3) * factor:.3f},,,1\n" for year in years)
    with pytest.raises(DataError, match=r"row 32.* (looks like another unit|is outside 0 to 120)"):
        read_panel(write(tmp_path, good + rice), "LAO", AgricultureSettings())
    assert read_panel(write(tmp_path, good + "rice,LAO,LAO,1990,4,,,1\n"), "LAO", AgricultureSettings())
