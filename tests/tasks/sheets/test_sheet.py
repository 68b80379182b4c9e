"""One table in every format is the same sheet of text."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tasks.errors import DataError
from tasks.sheets.sheet import sheets
from tests.tasks.sheets.workbooks import write_ods, write_xls, write_xlsx

ROWS: list[list[str | int | float]] = [
    ["month", "province", "cases"],
    ["2004-01", "Bình Dương", 7],
    ["2004-02", "Sơn La", 1.5],
]
TEXT = (("month", "province", "cases"), ("2004-01", "Bình Dương", "7"), ("2004-02", "Sơn La", "1.5"))


def joined(separator: str) -> bytes:
    return "\n".join(separator.join(map(str, row)) for row in ROWS).encode()


def records() -> list[dict[str, object]]:
    return [dict(zip(map(str, ROWS[0]), row, strict=True)) for row in ROWS[1:]]


def dhis2() -> dict[str, object]:
    return {"headers": [{"name": name, "column": name} for name in ROWS[0]], "rows": ROWS[1:], "width": 3}


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.csv": lambda path: path.write_bytes(joined(",")),
    "A.CSV": lambda path: path.write_bytes(b"\xef\xbb\xbf" + joined(",")),
    "semicolons.csv": lambda path: path.write_bytes(joined(";")),
    "wide characters.Csv": lambda path: path.write_bytes(joined(",").decode().encode("utf-16")),
    "a.tsv": lambda path: path.write_bytes(joined("\t")),
    "a.csv.gz": lambda path: path.write_bytes(gzip.compress(joined(","))),
    "a.json": lambda path: path.write_text(json.dumps(records())),
    "values.json": lambda path: path.write_text(json.dumps({"dataValues": records()})),
    "analytics.json": lambda path: path.write_text(json.dumps(dhis2())),
    "a.parquet": lambda path: pd.DataFrame(records()).to_parquet(path),
    "a.xlsx": lambda path: write_xlsx(path, {"Data": ROWS, "Notes": []}),
    "B.XLSX": lambda path: write_xlsx(path, {"Data": ROWS}),
    "a.ods": lambda path: write_ods(path, {"Data": ROWS}),
    "a.xls": lambda path: write_xls(path, {"Data": ROWS}),
    "OLD.XLS": lambda path: write_xls(path, {"Dữ liệu": ROWS, "Notes": []}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_is_the_same_sheet(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    (sheet,) = sheets(tmp_path / name)
    assert sheet.rows == TEXT


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xlsx", b"PK no workbook"),
        ("a.json", b"{"),
        ("b.json", b'{"headers": [1], "rows": [[1]]}'),
        ("c.json", b'{"headers": [{"name": "x"}], "rows": [5]}'),
        ("d.json", b"[" * 100_000),
        ("a.csv.gz", gzip.compress(bytes(range(256)) * 99)[:60] + b"\0" * 200),
        ("a.parquet", b"x"),
        ("a.pdf", b""),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}.*save") as refused:
        sheets(tmp_path / name)
    assert "\n" not in str(refused.value)
