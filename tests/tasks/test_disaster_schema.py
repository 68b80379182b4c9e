"""The national file of the disaster task: what is refused, and what becomes of it."""

from pathlib import Path

import numpy as np
import pytest

from tasks.data import Panel
from tasks.disaster.records import measured, read_panel
from tasks.disaster.schema import RECORDS, cell_id
from tasks.disaster.settings import DisasterSettings, horizons
from tasks.errors import DataError, SettingError

HEADER = "time_period,location,longitude,latitude,rainfall,flood\n"


def panel_of(folder: Path, rows: str, hazard: str = "drought", header: str = HEADER) -> Panel:
    (folder / RECORDS).write_text(header + rows)
    return read_panel(folder, "LAO", DisasterSettings(hazard=hazard))


@pytest.mark.parametrize(
    ("centre", "name"),
    [((100.5, 14.5), "E100.5N014.5"), ((120.5, -8.5), "E120.5S008.5"), ((-75.5, -0.5), "W075.5S000.5")],
)
def test_cells_are_named_by_their_centre(centre: tuple[float, float], name: str) -> None:
    assert cell_id(*centre) == name


def test_a_file_becomes_a_grid_whatever_the_order_of_its_rows(tmp_path: Path) -> None:
    rows = "2001-03,E101.5N015.5,101.5,15.5,30,1\n2001-01,E100.5N014.5,100.5,14.5,10.5,\n"
    rows += "2001-01,E101.5N015.5,101.5,15.5,,0\n"
    panel = panel_of(tmp_path, rows)
    nan = np.nan
    np.testing.assert_array_equal(panel.target, [[10.5, nan, nan], [nan, nan, 30]])
    np.testing.assert_array_equal(panel.covariates["flood"], [[nan, nan, nan], [0, nan, 1]])
    np.testing.assert_array_equal(panel.static["longitude"], [100.5, 101.5])
    assert np.isnan(panel.covariates["nino34"]).all(), "an optional column that is absent is unknown throughout"


def test_the_target_follows_the_hazard(tmp_path: Path) -> None:
    rows = "2001-01,E100.5N014.5,100.5,14.5,10,1\n"
    flood = panel_of(tmp_path, rows, "flood")
    assert flood.target.item() == 1
    for hazard in ("flood", "rain", "drought"):
        panel = panel_of(tmp_path, rows, hazard)
        assert measured(panel, "rainfall").item() == 10
        assert measured(panel, "flood").item() == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("2001-01,E100.5N014.5,100.5,14.5,10,2\n", ("row 2", "'flood'", "2")),
        ("2001-01,E100.5N014.5,100.5,14.5,10,0.5\n", ("row 2", "'flood'", "neither 0 nor 1")),
        ("2001-01,E100.5N014.5,100.5,14.5,-1,0\n", ("row 2", "'rainfall'", "mm in the whole month")),
        (
            "2001-01,E100.5N014.5,100.5,14.5,10,0\n2001-02,E100.5N014.5,100.5,24.5,10,0\n",
            ("row 3", "'latitude'", "one centre"),
        ),
        ("2001-01,E100.5N014.5,100.5,14.5,10,0\n2001-01,E100.5N014.5,100.5,14.5,10,0\n", ("row 3", "twice")),
        ("".join(f"{y}-01,E100.5N014.5,100.5,14.5,5.4,0\n" for y in range(1979, 2009)), ("'rainfall'", "another unit")),
    ],
    ids=["flood of two", "half a flood", "negative rain", "a cell that moves", "twice", "mm a day"],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, rows: str, words: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as refused:
        panel_of(tmp_path, rows)
    message = str(refused.value)
    assert "\n" not in message
    assert all(word in message for word in (RECORDS, *words)), message


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'flood': is missing"):
        panel_of(
            tmp_path,
            "2001-01,E100.5N014.5,100.5,14.5,10\n",
            header="time_period,location,longitude,latitude,rainfall\n",
        )


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (DisasterSettings(hazard="fire"), "hazard"),
        (DisasterSettings(horizons=12), "horizons"),
        (DisasterSettings(dropout=float("nan")), "dropout"),
        (DisasterSettings(hidden=[0]), "hidden"),
        (DisasterSettings(hidden=[8] * 9), "hidden"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_out_of_range_are_named(settings: DisasterSettings, key: str) -> None:
    with pytest.raises(SettingError, match=f"task.{key}"):
        settings.check()


def test_the_defaults_are_those_of_the_field() -> None:
    settings = DisasterSettings()
    settings.check()
    assert [str(month) for month in settings.calendar.cuts()] == ["2005-12", "2009-12", "2016-12"]
    assert horizons(settings) == ("1 month", "2 months", "3 months")
