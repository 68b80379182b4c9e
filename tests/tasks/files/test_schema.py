"""What is wrong with a national file is said in one line that names the row, the value and what to do next."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tasks.files.reading
from tasks.errors import DataError
from tasks.files.columns import Column
from tasks.files.load import problems, read_table
from tasks.files.schema import Rule, TableSchema

SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="month"),
        "location": Column(kind="text"),
        "cases": Column(kind="number", empty=True, low=0, high=1e6, unit="cases of the month"),
        "people": Column(kind="number", low=100, high=3e8),
        "rainfall": Column(kind="number", required=False, empty=True, typical=(20, 1000), unit="mm a month"),
        "harvest_year": Column(kind="year", required=False),
    },
    keys=("time_period", "location"),
    rules=(
        Rule(
            columns=("cases", "people"),
            broken=lambda rows: rows["cases"] > rows["people"],
            shown="cases",
            what="is more than the people",
            remedy="Check the units",
        ),
    ),
)
GOOD = "time_period,location,cases,people\n2004-01,A,1,1000\n2004-02,A,,1000\n2004-01,B,3,2000\n"


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_good_table_comes_back_typed_with_its_rows(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, GOOD), SCHEMA)
    assert list(table.index) == [2, 3, 4]
    assert list(table["location"]) == ["A", "A", "B"]
    np.testing.assert_array_equal(table["cases"], [1, np.nan, 3])
    np.testing.assert_array_equal(
        table["time_period"].to_numpy().astype("datetime64[M]"), np.array(["2004-01", "2004-02", "2004-01"], "M8[M]")
    )
    assert "rainfall" not in table


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.replace("A,1,", '"A","1",'),
        GOOD.replace("A,1,", " A , 1.0e0 ,"),
        GOOD.rstrip("\n"),
        GOOD.replace("cases,people", "people,cases")
        .replace("1,1000", "1000,1")
        .replace(",,1000", ",1000,NA")
        .replace("3,2000", "2000,3"),
    ],
    ids=["windows", "byte order mark", "quotes", "spaces", "no last newline", "other order"],
)
def test_harmless_differences_of_files_change_nothing(tmp_path: Path, text: str) -> None:
    expected = read_table(written(tmp_path, GOOD), SCHEMA)
    pd.testing.assert_frame_equal(read_table(written(tmp_path, text), SCHEMA), expected)


def test_gzip_and_parquet_give_the_same_table(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    expected = read_table(path, SCHEMA)
    path.unlink()
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    pd.testing.assert_frame_equal(read_table(path, SCHEMA), expected)
    (tmp_path / "table.csv.gz").unlink()
    frame = expected.assign(time_period=expected["time_period"].dt.strftime("%Y-%m")).reset_index(drop=True)
    frame.to_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(read_table(path, SCHEMA), expected)


BROKEN: dict[str, tuple[str, str, str, int | None, str | None]] = {
    # name: (text to replace, replacement, what the message says, row, column)
    "negative": ("A,1,", "A,-1,", "'-1' is outside 0 to 1e+06. Write cases of the month", 2, "cases"),
    "control character": ("A,1,", "\x07A,1,", r"'\x07A' holds a control character. Remove it", 2, "location"),
    "text": ("A,1,", "A,many,", "'many' is not a number", 2, "cases"),
    "thousands": ("A,1,", 'A,"1,234",', "Write 1234 without thousands separators", 2, "cases"),
    "infinite": ("A,1,", "A,inf,", "'inf' is not a number", 2, "cases"),
    "overflow": ("A,1,", "A,1e999,", "'inf' is outside", 2, "cases"),
    "python's digits": ("A,1,", "A,1_0,", "'1_0' is not a number", 2, "cases"),
    "other digits": ("A,1,", "A,٣,", "'٣' is not a number", 2, "cases"),
    "empty": (",1000\n2004-02", ",\n2004-02", "is empty. Fill it", 2, "people"),
    "month": ("2004-02", "2004-13", "'2004-13' is not a month", 3, "time_period"),
    "day": ("2004-02", "02/2004", "Write 2004-02", 3, "time_period"),
    "no month": ("2004-02,A", ",A", "is empty", 3, "time_period"),
    "far future": ("2004-02", "9999-01", "is not a month of 1900 to 2099", 3, "time_period"),
    "twice": ("2004-02,A", "2004-01,A", "'2004-01, A' is there twice, first in row 2", 3, None),
    "rule": ("A,1,", "A,5000,", "'5000' is more than the people. Check the units", 2, "cases"),
    "fields": ("A,1,", "A,1,234,", "has 5 fields, the header has 4", 2, None),
    "quote": ("A,1,", '"A,1,', "is not CSV", 2, None),
    "missing": ("cases,", "case_count,", "is missing. Rename column 'case_count'", 1, "cases"),
    "unknown": ("people\n", "people,nonsense\n", "is unknown. Remove it; the columns are time_period,", 1, "nonsense"),
    "doubled": ("people\n", "people,people\n", "stands there twice", 1, "people"),
    "semicolons": (GOOD, GOOD.replace(",", ";"), "Save it with commas", 1, None),
    "no row": (GOOD, GOOD.splitlines()[0], "has a header but no row", None, None),
    "nothing": (GOOD, "", "is empty", None, None),
    "blank": (GOOD, "\n\n", "is empty", None, None),
    "nul": ("A,1,", "A,\0,", "is not text", 2, None),
    "old Macs": ("\n", "\r", "ends its lines as old Macs did", 1, None),
}


@pytest.mark.parametrize(("old", "new", "says", "row", "column"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_line(
    tmp_path: Path, old: str, new: str, says: str, row: int | None, column: str | None
) -> None:
    path = written(tmp_path, GOOD.replace(old, new))
    wrong = problems(path, SCHEMA)
    assert (wrong[0].row, wrong[0].column) == (row, column)
    with pytest.raises(DataError) as error:
        read_table(path, SCHEMA)
    text = str(error.value)
    assert says in text
    assert text.startswith(str(path))
    assert "\n" not in text


def test_rows_are_counted_as_in_a_text_editor(tmp_path: Path) -> None:
    """Blank lines count, and so do the lines inside quotes."""
    text = GOOD.replace("2004-02,A", '\n2004-02,"A\nor so"') + "2004-03,A,many,1000\n"
    (wrong,) = problems(written(tmp_path, text), SCHEMA)
    assert text.splitlines()[(wrong.row or 0) - 1] == "2004-03,A,many,1000"


@pytest.mark.parametrize(("encoding", "says"), [("latin-1", "row 4: is not UTF-8"), ("utf-16", "row 1: is UTF-16")])
def test_another_encoding_is_named_and_the_remedy_too(tmp_path: Path, encoding: str, says: str) -> None:
    with pytest.raises(DataError, match=f"{says}.*Save the table as CSV UTF-8"):
        read_table(written(tmp_path, GOOD.replace("B", "é"), encoding), SCHEMA)


def test_all_problems_are_found_in_order_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("A,1,", "A,x,").replace("B,3,", "B,y,").replace("2004-02", "2004-2"))
    assert [(each.row, each.column, each.value) for each in problems(path, SCHEMA)] == [
        (2, "cases", "x"),
        (3, "time_period", "2004-2"),
        (4, "cases", "y"),
    ]
    assert len(problems(path, SCHEMA, limit=2)) == 2
    with pytest.raises(DataError, match=r"row 2.*\(2 more\)"):
        read_table(path, SCHEMA)


def rain(unit: float, months: int = 24) -> str:
    rows = [f"{2000 + month // 12}-{month % 12 + 1:02d},A,1,1000,{150 * unit:g}" for month in range(months)]
    return "\n".join(["time_period,location,cases,people,rainfall", *rows])


@pytest.mark.parametrize("unit", [1 / 30, 1 / 1000, 10])
def test_a_column_in_another_unit_is_noticed(tmp_path: Path, unit: float) -> None:
    assert not problems(written(tmp_path, rain(1)), SCHEMA)
    (wrong,) = problems(written(tmp_path, rain(unit)), SCHEMA)
    assert "looks like another unit" in str(wrong)
    assert wrong.remedy == "Write mm a month"


def test_a_few_dry_months_are_no_other_unit(tmp_path: Path) -> None:
    assert not problems(written(tmp_path, rain(0, months=23)), SCHEMA)
    assert problems(written(tmp_path, rain(0, months=24)), SCHEMA)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "tabel.csv").write_text(GOOD)
    with pytest.raises(DataError, match=r"table.csv: file does not exist. Did you mean tabel.csv"):
        read_table(tmp_path / "table.csv", SCHEMA)
    with pytest.raises(DataError, match="folder does not exist"):
        read_table(tmp_path / "nowhere" / "table.csv", SCHEMA)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="is not a regular file"):
        read_table(tmp_path / "folder.csv", SCHEMA)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A file that somebody put there must not make a vault read what lies elsewhere; a linked folder is its owner's."""
    (tmp_path / "elsewhere").mkdir()
    outside = written(tmp_path / "elsewhere", GOOD)
    (tmp_path / "VNM").mkdir()
    link = tmp_path / "VNM" / outside.name
    link.symlink_to(outside)
    with pytest.raises(DataError, match=r"is a link to a file outside of its folder\. Put the table itself there"):
        read_table(link, SCHEMA)
    (tmp_path / "THA").symlink_to(tmp_path / "elsewhere")
    assert len(read_table(tmp_path / "THA" / outside.name, SCHEMA))


def test_two_copies_of_a_table_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    with pytest.raises(DataError, match=r"exists more than once: table.csv, table.csv.gz. Keep one"):
        read_table(path, SCHEMA)


@pytest.mark.parametrize("cut", [5, 20, 60])
def test_a_torn_gzip_is_refused(tmp_path: Path, cut: int) -> None:
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(GOOD.encode())[:cut])
    with pytest.raises(DataError, match="is no whole gzip file"):
        read_table(tmp_path / "table.csv", SCHEMA)


def test_rubbish_named_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_table(tmp_path / "table.csv", SCHEMA)


def test_three_gigabytes_of_zeros_are_refused_at_once(tmp_path: Path) -> None:
    with (tmp_path / "table.csv").open("wb") as file:
        file.truncate(3 * 2**30)  # sparse: takes no room on the disk
    with pytest.raises(DataError, match="is not text"):
        read_table(tmp_path / "table.csv", SCHEMA)


def bomb(rows: int) -> bytes:
    body = "".join(f"2004-01,place {row},1,1000\n" for row in range(rows))
    return gzip.compress((GOOD.splitlines()[0] + "\n" + body).encode())


def test_a_small_file_that_unpacks_to_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table.csv.gz").write_bytes(bomb(5000))
    assert len(read_table(tmp_path / "table.csv", SCHEMA)) == 5000
    monkeypatch.setattr(tasks.files.reading, "MAX_BYTES", 100_000)
    assert (tmp_path / "table.csv.gz").stat().st_size < 100_000
    with pytest.raises(DataError, match="of text"):
        read_table(tmp_path / "table.csv", SCHEMA)


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table.csv.gz").write_bytes(bomb(5000))
    monkeypatch.setattr(tasks.files.reading, "MAX_ROWS", 4999)
    with pytest.raises(DataError, match="holds more than 4,999 rows"):
        read_table(tmp_path / "table.csv", SCHEMA)
    pd.DataFrame({name: ["x"] * 5000 for name in SCHEMA.columns}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="holds more than 4,999 rows"):
        read_table(tmp_path / "other.csv", SCHEMA)


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a line of more than 65,536 bytes"):
        read_table(written(tmp_path, GOOD + "0" * 100_000), SCHEMA)


@given(rubbish=st.binary(max_size=200), at=st.integers(0, len(GOOD)))
def test_no_bytes_whatever_raise_anything_but_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, rubbish: bytes, at: int
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "table.csv"
    good = GOOD.encode()
    for content in (rubbish, good[:at] + rubbish + good[at:]):
        path.write_bytes(content)
        try:
            table = read_table(path, SCHEMA)
        except DataError as error:
            said = str(error)
            assert "\n" not in said
        else:
            assert table["cases"].dropna().between(0, 1e6).all()
