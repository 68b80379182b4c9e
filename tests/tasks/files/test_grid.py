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


def test_a_table_without_place_or_period_says_which_columns_it_has() -> None:
    renamed = table([("2004-03", "B", 3.0)]).rename(columns={"time_period": "month"})
    with pytest.raises(ValueError, match="of month, location, cases has no 'time_period'; name its columns"):
        grid(renamed, ["cases"], file=FILE)
    assert grid(renamed, ["cases"], file=FILE, period="month").places == ("B",)


@given(st.permutations(range(12)))
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    rows = [(f"2004-{month:02d}", place, 10.0 * month) for month in range(1, 7) for place in "BA"]
    expected = grid(table(rows), ["cases"], file=FILE)
    cells = grid(table([rows[at] for at in order]), ["cases"], file=FILE)
    assert cells.places == expected.places
    np.testing.assert_array_equal(cells.values["cases"], expected.values["cases"])


def test_years_step_by_twelve_months() -> None:
    cells = grid(table([("2004-12", "A", 1.0), ("2006-12", "A", 3.0)]), ["cases"], file=FILE, every=12)
    np.testing.assert_array_equal(cells.values["cases"], [[1, np.nan, 3]])
    with pytest.raises(
        DataError, match=r"national.csv, row 3, column 'time_period': 2005-11 is no multiple of 12 months"
    ):
        grid(table([("2004-12", "A", 1.0), ("2005-11", "A", 3.0)]), ["cases"], file=FILE, every=12)


def dated(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    """As `table`, from whole dates."""
    return table(rows).assign(time_period=np.array([date for date, _, _ in rows], "datetime64[s]"))


@pytest.mark.parametrize(("step", "days"), [("week", 7), ("day", 1)])
def test_weeks_and_days_step_by_their_days(step: str, days: int) -> None:
    first = np.datetime64("2004-02-28")
    rows = [(str(first + days * number), "A", float(number)) for number in (0, 1, 3)]
    cells = grid(dated(rows), ["cases"], file=FILE, step=step)
    assert list(cells.periods) == [first + days * number for number in range(4)]
    np.testing.assert_array_equal(cells.values["cases"], [[0, 1, np.nan, 3]])


def test_a_week_that_ends_on_another_day_is_an_error() -> None:
    with pytest.raises(DataError, match=r"row 3, column 'time_period': 2004-01-16 is no multiple of one week after"):
        grid(dated([("2004-01-10", "A", 1.0), ("2004-01-16", "A", 2.0)]), ["cases"], file=FILE, step="week")


@pytest.mark.parametrize(
    ("step", "one", "other"),
    [
        ("month", "2004-03-01", "2004-03-31"),
        ("month", "2004-03-01", "2004-03-01"),
        ("day", "2004-03-01T00:00", "2004-03-01T18:00"),
    ],
)
def test_two_records_of_one_place_and_step_are_an_error(step: str, one: str, other: str) -> None:
    rows = dated([(one, "A", 1.0), (one, "B", 2.0), (other, "A", 1.0)])
    message = r"national.csv, rows 2 and 4: two records of 'A' in the (month 2004-03|day 2004-03-01). Keep one"
    with pytest.raises(DataError, match=message):
        grid(rows, ["cases"], file=FILE, step=step)


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
