"""What is written for spreadsheets computes nothing there, and is read as it was."""

import csv
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.files.csv_output import Rows

CELLS = {
    "=1+1": "'=1+1",
    "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0",
    "@SUM(A1)": "'@SUM(A1)",
    "-2+3": "'-2+3",
    "\t=1": "'\t=1",
    "-0.250": "-0.250",  # a number that was formatted before
    "Ha Noi": "Ha Noi",
    -1.5: "-1.5",
}


@pytest.mark.parametrize(("cell", "expected"), CELLS.items(), ids=map(str, CELLS))
def test_a_cell_is_text_or_a_number(cell: Any, expected: str) -> None:
    file = StringIO()
    Rows(file).write(["x", cell])
    assert list(csv.reader(StringIO(file.getvalue()))) == [["x", expected]]


@given(cells=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1), min_size=1))
def test_nothing_is_lost(cells: list[str]) -> None:
    file = StringIO()
    Rows(file).write(cells)
    [row] = csv.reader(StringIO(file.getvalue()))
    assert [cell.removeprefix("'") for cell in row] == [cell.removeprefix("'") for cell in cells]
    for cell in row:
        assert not cell.startswith(("=", "@", "\t"))
