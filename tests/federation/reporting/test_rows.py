import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.reporting.rows import Row, read_json, write_json
from tasks.errors import DataError

numbers = st.floats(allow_infinity=False)
rows = st.lists(
    st.builds(
        Row,
        task=st.text(),
        country=st.text(),
        arm=st.text(),
        score=st.text(),
        horizon=st.text(),
        value=numbers,
        low=numbers,
        high=numbers,
        n=st.integers(0, 10**9),
    )
)


@given(rows=rows)
def test_rows_come_back_as_they_were(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("rows") / "results.json"
    write_json(rows, path)
    assert [repr(row) for row in read_json(path)] == [repr(row) for row in rows]  # repr, for NaN is unequal to itself


def test_the_file_is_strict_json_with_null_for_nan(tmp_path: Path) -> None:
    row = Row(task="t", country="VNM", arm="a", score="s", horizon="all", value=math.nan, low=-math.inf, high=1.5, n=3)
    write_json([row], tmp_path / "r.json")

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    [entry] = json.loads((tmp_path / "r.json").read_text(), parse_constant=refuse)
    assert entry == {
        "task": "t",
        "country": "VNM",
        "arm": "a",
        "score": "s",
        "horizon": "all",
        "value": None,
        "low": None,
        "high": 1.5,
        "n": 3,
        "part": "test",
    }


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"task": "t"}]', '{"rows": []}', '[{"task": null}]'])
def test_a_damaged_file_is_one_line_that_says_what_to_do(text: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"results\.json.*again") as caught:
        read_json(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json is missing"):
        read_json(tmp_path / "gone.json")


def test_an_interrupted_write_leaves_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_json([], path)

    class NotARow:
        pass

    with pytest.raises(TypeError):
        write_json([NotARow()], path)  # type: ignore[list-item]
    assert read_json(path) == ()
    assert list(tmp_path.iterdir()) == [path]
