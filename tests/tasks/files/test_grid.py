"""A tidy table becomes a regular grid, whatever the order of its rows, and lookalike places are refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tasks.files.grid
from tasks.errors import DataError
from tasks.files.grid import fold, grid

FILE = Path("national.csv")


def table(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    months = np.array([month for month, _, _ in rows], "datetime64[M]").astype("datetime64[s]")
    return pd.DataFrame(
        {"time_period": months, "location": [place for _, place, _ in rows], "cases": [value for _, _, value in rows]},
        index=range(2, len(rows) + 2),
    )


def test_the_grid_is_regular_and_has_gaps_where_the_file_has() -> None:
    cells = grid(table([("2004-03", "B", 3.0), ("2003-12", "A", 1.0), ("2004-02", "A", 2.0)]), ["cases"], file=FILE)
    assert cells.places == ("A", "B")
    assert [str(period) for period in cells.periods] == ["2003-12", "2004-01", "2004-02", "2004-03"]
    nan = np.nan
    np.testing.assert_array_equal(cells.values["cases"], [[1, nan, 2, nan], [nan, nan, nan, 3]])


def test_a_column_that_the_file_lacks_is_all_missing() -> None:
    assert np.isnan(grid(table([("2004-03", "B", 3.0)]), ["rain"], file=FILE).values["rain"]).all()


@given(st.permutations(range(12)))
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    rows = [(f"2004-{month:02d}", place, 10.0 * month) for month in range(1, 7) for place in "BA"]
    expected = grid(table(rows), ["cases"], file=FILE)
    found = grid(table([rows[at] for at in order]), ["cases"], file=FILE)
    assert found.places == expected.places
    np.testing.assert_array_equal(found.values["cases"], expected.values["cases"])


def test_years_step_by_twelve_months() -> None:
    cells = grid(table([("2004-12", "A", 1.0), ("2006-12", "A", 3.0)]), ["cases"], file=FILE, step=12)
    np.testing.assert_array_equal(cells.values["cases"], [[1, np.nan, 3]])
    with pytest.raises(DataError, match=r"national.csv, row 3, column 'time_period': 2005-11 is no multiple of 12"):
        grid(table([("2004-12", "A", 1.0), ("2005-11", "A", 3.0)]), ["cases"], file=FILE, step=12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bình Dương", "BINH DUONG"),
        ("Đà Nẵng", "Da Nang"),
        ("B\u00ecnh", "Bi\u0300nh"),  # composed and decomposed, the same on a screen
        ("Nakhon  Si", "nakhon si"),
        ("ＡＢ", "AB"),  # full width
        ("𝐀ttapeu", "Attapeu"),
        ("Xe\u00a0Kong", "Xe Kong"),
    ],
)
def test_names_that_look_like_one_place_are_refused(one: str, other: str) -> None:
    with pytest.raises(DataError, match=r"national.csv, row 3, column 'location'.*look like one place"):
        grid(table([("2004-01", one, 1.0), ("2004-02", other, 2.0)]), ["cases"], file=FILE)


@pytest.mark.parametrize(("one", "other"), [("ป่า", "ปา"), ("ກີ", "ກິ"), ("ကိ", "ကီ"), ("កិ", "កី"), ("TH-1", "TH-10")])
def test_marks_that_are_letters_keep_places_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)
    assert len(grid(table([("2004-01", one, 1.0), ("2004-01", other, 2.0)]), ["cases"], file=FILE).places) == 2


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)


def test_a_huge_empty_grid_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("1900-01", "A", 1.0), ("2099-12", "B", 1.0)]
    assert grid(table(rows), ["cases"], file=FILE).values["cases"].shape == (2, 2400)
    monkeypatch.setattr(tasks.files.grid, "MAX_CELLS", 4799)
    with pytest.raises(DataError, match="2 places x 2,400 periods do not fit a table of 2 rows"):
        grid(table(rows), ["cases"], file=FILE)
