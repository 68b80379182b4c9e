"""A national file as columns of text, read within stated limits; what the columns mean is the schema's business.

Files come from outside: the limits hold for bytes after decompression, so that an endless or hostile file is refused
while it is read, not after it has filled the memory.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from shlex import quote
from typing import BinaryIO, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import DataError

MAX_BYTES = 256 * 2**20  # of text; a province-month table of 30 years has about 3 MiB
MAX_ROWS = 2_000_000
MAX_LINE = 2**16  # bytes in one line
CHUNK = 20_000  # rows held as text at a time
SUFFIXES = (".csv", ".csv.gz", ".parquet")
OTHERS = (*SUFFIXES, ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".tsv", ".txt", ".json")  # in any case


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong and where; row counts as a text editor does, the header is row 1.

    kind: of `docs/data.md`, "form" for what the schema refuses. warning: the file is read all the same. place, period:
    of the row, so that a warning is the same one after other rows were added.
    """

    file: str
    what: str
    remedy: str
    row: int | None = None
    column: str | None = None
    value: str | None = None
    kind: str = "form"
    warning: bool = False
    place: str | None = None
    period: str | None = None

    @property
    def id(self) -> str:
        """Names a warning in `accepted.toml`: of the value at its place and period, wherever the row stands."""
        named = (Path(self.file).name, self.kind, self.column, self.place, self.period, self.value)
        return sha256(repr(named).encode()).hexdigest()[:8]

    def __str__(self) -> str:
        where = f", row {self.row}" if self.row is not None else ""
        where += f", column {self.column!r}" if self.column is not None else ""
        shown = f"{shorten(self.value)} " if self.value is not None else ""
        mark = f" (warning {self.kind}, id {self.id})" if self.warning else ""
        return f"{self.file}{where}: {shown}{self.what}. {self.remedy}.{mark}"


class UnreadableError(DataError):
    """A file that stops the reading: nothing after this problem can be looked at."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def shorten(value: str) -> str:
    """The value in quotes, on one line and cut to a length that fits a message."""
    return repr(value if len(value) <= 40 else value[:37] + "...")


def stem_of(path: Path) -> str:
    """The table's name without the suffix of its format; other dots stay, as in spatial_V1.3.csv."""
    known = next((suffix for suffix in reversed(SUFFIXES) if path.name.endswith(suffix)), "")
    return path.name.removesuffix(known) if known else path.name.split(".")[0]


def find(path: Path) -> Path:
    """The file itself, or the same table in another format in its folder (.csv, .csv.gz, .parquet).

    Raises UnreadableError if there is none, or more than one: two copies of a table would disagree one day.
    """
    stem = stem_of(path)
    paths = [path.with_name(stem + suffix) for suffix in SUFFIXES if path.with_name(stem + suffix).exists()]
    if len(paths) > 1:
        copies = ", ".join(each.name for each in paths)
        raise UnreadableError(Problem(file=str(path), what=f"exists more than once: {copies}", remedy="Keep one"))
    if paths and not paths[0].resolve().is_relative_to(path.parent.resolve()):
        what = "is a link to a file outside of its folder"
        raise UnreadableError(Problem(file=str(paths[0]), what=what, remedy="Put the table itself there"))
    if paths and paths[0].is_file():
        return paths[0]
    if paths:
        raise UnreadableError(
            Problem(file=str(paths[0]), what="is not a regular file", remedy="Put the table itself there")
        )
    if others := other_formats(path.parent, stem):
        what = f"has a format that no run reads; runs read {stem}{{{','.join(SUFFIXES)}}}"
        remedy = f"Save it as {stem}.csv (CSV UTF-8), or turn it into one: gotong data map {quote(str(others[0]))}"
        raise UnreadableError(Problem(file=str(others[0]), what=what, remedy=remedy))
    missing = "folder does not exist" if not path.parent.is_dir() else "file does not exist"
    names = sorted(each.name for each in path.parent.iterdir()) if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    hint = (
        f"Did you mean {near[0]}" if near else f"Put {stem}{{{','.join(SUFFIXES)}}} there, or write it by an importer"
    )
    raise UnreadableError(Problem(file=str(path), what=missing, remedy=hint))


def other_formats(folder: Path, stem: str) -> list[Path]:
    """Tables of this name in formats that runs do not read, such as health.xlsx and HEALTH.CSV."""
    if not folder.is_dir():
        return []
    here = sorted(each for each in folder.iterdir() if each.is_file() and each.name.lower().startswith(f"{stem}."))
    return [each for each in here if each.name.lower().endswith(OTHERS) and not each.name.endswith(SUFFIXES)]


def header(path: Path) -> tuple[str, ...]:
    """The column names of a file that `find` returned. Raises UnreadableError."""
    with _reading(path):
        if path.suffix == ".parquet":
            return tuple(pq.read_schema(path).names)
        return next(_records(path))[1]


def chunks(path: Path, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """The named columns as text, some thousand rows at a time; the index is the row in the file.

    Raises UnreadableError.
    """
    rows = 0
    with _reading(path):
        for chunk in (_parquet if path.suffix == ".parquet" else _csv)(path, columns):
            rows += len(chunk)
            if rows > MAX_ROWS:
                raise _too_large(path, f"more than {MAX_ROWS:,} rows")
            yield chunk


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what the readers of the formats raise into one line."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableError(
            Problem(file=str(path), what=f"is no whole gzip file ({error})", remedy="Copy it again, or write plain CSV")
        ) from None
    except pa.ArrowException as error:
        first = str(error).splitlines()[0]
        raise UnreadableError(
            Problem(file=str(path), what=f"cannot be read as Parquet ({first})", remedy="Write it again, or as CSV")
        ) from None
    except OSError as error:
        raise UnreadableError(
            Problem(file=str(path), what=f"cannot be opened ({error.strerror})", remedy="Check its permissions")
        ) from None


def _csv(path: Path, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    records = _records(path)
    names = next(records)[1]
    picked = [names.index(column) for column in columns]
    rows: list[int] = []
    values: list[list[str]] = []
    for row, fields in records:
        if len(fields) != len(names):
            raise UnreadableError(
                Problem(
                    file=str(path),
                    row=row,
                    what=f"has {len(fields)} fields, the header has {len(names)}",
                    remedy="Write one field a column, in quotes if it holds a comma; no thousands separators",
                )
            )
        rows.append(row)
        values.append([fields[place] for place in picked])
        if len(rows) == CHUNK:
            yield pd.DataFrame(values, index=rows, columns=list(columns), dtype="str")
            rows, values = [], []
    if rows:
        yield pd.DataFrame(values, index=rows, columns=list(columns), dtype="str")


def _records(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(row, fields) of every record that is not blank, the header first; UnreadableError if there is no header.

    A line that begins with # is a comment before the header, as in CAMELS, and HXL's tags below it (https://hxlstandard.org).
    """
    with cast(BinaryIO, gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
        reader = csv.reader(_lines(file, path), strict=True)
        row = 1
        empty = True
        try:
            for fields in reader:
                if fields and not (row <= 2 and fields[0].startswith("#")):
                    yield row, tuple(field.strip() for field in fields)
                    empty = False
                row = reader.line_num + 1
        except csv.Error as error:
            raise UnreadableError(
                Problem(file=str(path), row=row, what=f"is not CSV ({error})", remedy="Close every quote in its line")
            ) from None
        if empty:
            raise UnreadableError(
                Problem(file=str(path), what="is empty", remedy="Write a header and one row a record")
            )


def _lines(file: BinaryIO, path: Path) -> Iterator[str]:
    total = row = 0
    while line := file.readline(MAX_LINE + 1):
        row += 1
        total += len(line)
        if total > MAX_BYTES:
            raise _too_large(path, f"more than {MAX_BYTES // 2**20} MiB of text")
        if line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _encoding(path, row, "is UTF-16")
        if b"\0" in line:
            raise UnreadableError(
                Problem(file=str(path), row=row, what="is not text", remedy="Save the table as CSV UTF-8")
            )
        if b"\r" in line[:-2]:
            raise _encoding(path, row, "ends its lines as old Macs did")
        if len(line) > MAX_LINE:
            raise _too_large(path, f"a line of more than {MAX_LINE:,} bytes", row)
        try:
            yield line.decode("utf-8-sig" if row == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _encoding(path, row, f"is not UTF-8 (byte {line[error.start]:#04x})") from None


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    file = pq.ParquetFile(path)
    if file.metadata.num_rows > MAX_ROWS:
        raise _too_large(path, f"more than {MAX_ROWS:,} rows")
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    if sum(group.total_byte_size for group in groups) > MAX_BYTES:
        raise _too_large(path, f"more than {MAX_BYTES // 2**20} MiB of values")
    row, total = 2, 0
    for batch in file.iter_batches(CHUNK, columns=list(columns)):
        total += batch.nbytes
        if total > MAX_BYTES:
            raise _too_large(path, f"more than {MAX_BYTES // 2**20} MiB of values")
        text = {name: batch.column(name).cast(pa.string()).to_pylist() for name in columns}
        index = range(row, row + batch.num_rows)
        yield pd.DataFrame({name: [v or "" for v in text[name]] for name in columns}, index=index, dtype="str")
        row += batch.num_rows


def _too_large(path: Path, what: str, row: int | None = None) -> UnreadableError:
    return UnreadableError(
        Problem(file=str(path), row=row, what=f"holds {what}", remedy="Keep one row a place and period")
    )


def _encoding(path: Path, row: int, what: str) -> UnreadableError:
    return UnreadableError(Problem(file=str(path), row=row, what=what, remedy="Save the table as CSV UTF-8"))
