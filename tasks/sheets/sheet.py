"""Tables as agencies keep them, of any format, as sheets of text: what a person sees in each cell.

Workbooks are read by python-calamine, an extra (`gotong[workbooks]`); CSV, TSV, JSON and Parquet need nothing more.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import DataError

WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
TEXTS = (".csv", ".tsv", ".txt", ".csv.gz")
ENDINGS = (*WORKBOOKS, *TEXTS, ".json", ".parquet")
MAX_CELLS = 20_000_000
MAX_LINE = 2**20  # characters
PART = 20_000  # rows of a text file that are held at a time
SEPARATORS = ",;\t|"


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One table of a file. name: the sheet's, "" where a file holds one. rows: of cells, all of the same length.

    first: number of the first row in the file, from 1, where the rows are a part of a table.
    """

    file: Path
    name: str
    rows: tuple[tuple[str, ...], ...]
    first: int = 1

    def __str__(self) -> str:
        return f"{self.file}" + (f", sheet {self.name!r}" if self.name else "")


def ending_of(path: Path) -> str:
    """The ending that says how a file is read, in lower case; "" for another one."""
    return next((each for each in sorted(ENDINGS, key=len, reverse=True) if path.name.lower().endswith(each)), "")


def sheets(path: Path, rows: int | None = None) -> list[Sheet]:
    """Every sheet of a file that holds a cell; of a text file the first rows alone, where their number is given.

    Raises DataError, one line with the remedy.
    """
    ending = ending_of(path)
    if not ending:
        raise DataError(f"{path}: not one of {', '.join(ENDINGS)}; save the table as one of them")
    with _reading(path, ending):
        if ending in TEXTS:
            parts = list(_parts(path, MAX_CELLS if rows is None else rows, rows is not None))
            return [each for each in parts if any(cell for row in each.rows for cell in row)]
        tables = list(_tables(path, ending))
    return [
        Sheet(file=path, name=name, rows=_even(rows))
        for name, rows in tables
        if any(cell for row in rows for cell in row)
    ]


def parts(path: Path) -> Iterator[Sheet]:
    """A text file of any size as sheets of PART rows that follow each other, all as wide as the first.

    Raises DataError, one line with the remedy.
    """
    ending = ending_of(path)
    with _reading(path, ending):
        yield from _parts(path, PART)


@contextmanager
def _reading(path: Path, ending: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except (OSError, EOFError, ValueError, RecursionError, csv.Error, zlib.error, pa.ArrowException) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} cannot be read as {ending} ({first}); save it again, or as CSV UTF-8") from None


def _tables(path: Path, ending: str) -> Iterator[tuple[str, list[list[str]]]]:
    if ending in WORKBOOKS:
        yield from _workbook(path)
    elif ending == ".json":
        yield from _json(json.loads(path.read_text(encoding="utf-8-sig")))
    else:
        size = pq.read_metadata(path)
        if size.num_rows * size.num_columns > MAX_CELLS:
            raise DataError(f"{path} has {size.num_rows:,} rows and {size.num_columns:,} columns; import it in parts")
        table = pq.read_table(path)
        yield "", [list(table.column_names), *([shown(cell) for cell in row.values()] for row in table.to_pylist())]


def _workbook(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ModuleNotFoundError:
        raise DataError(
            f"{path} is a workbook and python-calamine is not installed: pip install 'gotong[workbooks]', "
            f"or save it as CSV UTF-8"
        ) from None
    try:
        book = CalamineWorkbook.from_path(str(path))
        for name in book.sheet_names:
            rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            yield name, [[shown(cell) for cell in row] for row in rows]
    except CalamineError as error:
        raise DataError(f"{path} is no whole workbook ({error}); save it again, or as CSV UTF-8") from None


def _parts(path: Path, size: int, once: bool = False) -> Iterator[Sheet]:
    """Sheets of so many rows, or the first one alone; the separator is the one that makes the most even first rows."""
    with _opened(path) as file:
        sample = list(islice(_lines(file, path), 50))
        separator = max(SEPARATORS, key=lambda mark: _evenness(mark, sample))
        records = _records(chain(sample, _lines(file, path)), path, separator)
        first, width = 1, 0
        while rows := list(islice(records, size)):
            width = width or max(map(len, rows))
            if too_wide := next((at for at, row in enumerate(rows, start=first) if len(row) > width), None):
                raise DataError(f"{path}, row {too_wide}: more fields than the rows before have; correct the row")
            yield Sheet(file=path, name="", rows=_even(rows, width), first=first)
            first += len(rows)
            if once:
                return


def _records(lines: Iterator[str], path: Path, separator: str) -> Iterator[list[str]]:
    """The cells of every record; an open quote, which would swallow all records to the next one, is refused."""
    reader, line = csv.reader(lines, delimiter=separator, strict=True), 1
    try:
        for cells in reader:
            yield [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, row {line}: is not CSV ({error}). Close every quote in its line.") from None


def _evenness(mark: str, sample: list[str]) -> int:
    widths = [line.count(mark) for line in sample]
    return max(map(widths.count, filter(None, widths)), default=0)


def _opened(path: Path) -> TextIO:
    """The file as text, unpacked; UTF-8, or UTF-16 with its mark."""
    packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as raw:
        mark = raw.read(2)
    encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if packed:
        return cast(TextIO, gzip.open(path, "rt", encoding=encoding, newline=""))
    return path.open(encoding=encoding, newline="")


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """Lines of bounded length: an endless one is refused while it is read."""
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise DataError(f"{path} has a line of more than {MAX_LINE:,} characters; save it again, or as CSV UTF-8")
        yield line


def _json(content: Any) -> Iterator[tuple[str, list[list[str]]]]:
    """Lists of records, and DHIS2's analytics tables (`headers`, `rows`) and data value sets (`dataValues`)."""
    if isinstance(content, dict) and {"headers", "rows"} <= set(content):
        if not all(isinstance(each, dict) for each in content["headers"]):
            raise ValueError("its headers are no objects")
        if not all(isinstance(row, list) for row in content["rows"]):
            raise ValueError("its rows are no lists")
        names = [str(each.get("column") or each.get("name")) for each in content["headers"]]
        yield "", [names, *([shown(cell) for cell in row] for row in content["rows"])]
        return
    lists = {"": content} if isinstance(content, list) else content if isinstance(content, dict) else {}
    for name, records in lists.items():
        if isinstance(records, list) and records and all(isinstance(each, dict) for each in records):
            names = list(dict.fromkeys(key for record in records for key in record))
            yield name, [names, *([shown(record.get(key)) for key in names] for record in records)]


def shown(cell: Any) -> str:
    """A cell as text: whole numbers without a point, dates as YYYY-MM-DD, nothing for an empty one."""
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d}" if cell.time() == time() else cell.isoformat(" ", "minutes")
    if isinstance(cell, date | time | timedelta):
        return str(cell)
    return str(cell).strip()


def _even(rows: list[list[str]], width: int = 0) -> tuple[tuple[str, ...], ...]:
    width = width or max(map(len, rows), default=0)
    if width * len(rows) > MAX_CELLS:
        raise DataError(f"a table of {len(rows):,} rows and {width:,} columns is too large; import it in parts")
    return tuple(tuple(row) + ("",) * (width - len(row)) for row in rows)
