"""Every problem of every national file in a folder, for a clerk who corrects them all before the next try."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import pandas as pd

from tasks.errors import DataError
from tasks.files.folders import files_below, has_table
from tasks.files.load import LISTED, load, load_form
from tasks.files.reading import SUFFIXES, Problem, find, other_formats, stem_of
from tasks.files.schema import TableSchema
from tasks.files.table import NationalTable
from tasks.meaning.control import control_totals, covered, of_file
from tasks.meaning.history import tenfold
from tasks.meaning.look import records_of
from tasks.meaning.shared import national, other_file
from tasks.places.countries import CODES, problem_with
from tasks.places.names import MEMBERS
from tasks.registry import TABLES

NAMES = {stem_of(Path(name)): name for name in TABLES}


def national_files(path: Path) -> list[Path]:
    """The national files at `path`: one of them, a country's folder, or a folder of countries.

    Raises DataError if there is none.
    """
    if path.is_file() and stem_of(path) in NAMES:
        return [path]
    tables = [each for each in files_below(path) if each.name.endswith(SUFFIXES)] if path.is_dir() else []
    files = [each for each in tables if stem_of(each) in NAMES]
    if not files and path.is_dir():
        for folder, stem in product(sorted({path, *filter(Path.is_dir, path.iterdir())}), NAMES):
            if other_formats(folder, stem):
                find(folder / f"{stem}.csv")  # raises, and says how to save it
    if not files:
        what = "does not exist" if not path.exists() else "holds no national file" if path.is_dir() else "is none"
        raise DataError(f"{path} {what}; national files are COUNTRY/{', COUNTRY/'.join(TABLES)}")
    return files


def check(file: Path, limit: int = LISTED) -> list[Problem]:
    """Up to `limit` errors of one national file by row, or, where it has none, up to `limit` warnings of each kind."""
    table = TABLES[NAMES[stem_of(file)]]
    rows, problems = load(file, table.schema, limit)
    if any(not each.warning for each in problems):
        return problems
    compared = table.compared(file, rows) if table.compared else ()
    return [
        *_other_countries(file, rows, table, limit),
        *_other_files(file, rows, table.schema, limit),
        *compared,
        *problems,
    ]


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """Amounts of a column that may pass at ten times or a tenth of them as well, and that no control total holds.

    unseen, known: how many of how many; most: the place that has most of them.
    """

    file: Path
    column: str
    unseen: int
    known: int
    most: str


def unseen(file: Path) -> Iterator[Unseen]:
    """What the check of one national file cannot see, by its columns; nothing where the file has an error."""
    schema = TABLES[NAMES[stem_of(file)]].schema
    rows, problems = load_form(file, schema, 1)
    if schema.place is None or rows.empty or any(not each.warning for each in problems):
        return
    records, totals = records_of(file, rows, schema), of_file(control_totals(file.parent), file, None)
    for column, either in tenfold(records):
        mine = either[records.codes, records.time] & ~covered(records, totals, column)
        places = rows[schema.place][mine].value_counts()
        yield Unseen(
            file=file,
            column=column,
            unseen=int(mine.sum()),
            known=int(rows[column].notna().sum()),
            most=str(places.index[0]) if len(places) else "",
        )


def notes(files: Sequence[Path]) -> Iterator[str]:
    """What is odd about places of the national files, such as gauges that lie above each other; no error."""
    for name, table in TABLES.items():
        mine = [file for file in files if NAMES[stem_of(file)] == name]
        if table.notes is not None and mine:
            yield from table.notes(mine)


def country_of(file: Path) -> str | None:
    """The country whose folder a file lies in, None where the folder is not named like one."""
    name = file.resolve().parent.name
    return name if problem_with(name) is None else None


def _other_files(file: Path, rows: pd.DataFrame, schema: TableSchema, limit: int) -> Iterator[Problem]:
    """Values of the whole country that the country's other files hold as well, and differently."""
    indices = {column.index for name, column in schema.columns.items() if name in rows} - {""}
    for name, table in TABLES.items():
        other = file.with_name(name)
        mine = (
            stem_of(file) == stem_of(other) or not {column.index for column in table.schema.columns.values()} & indices
        )
        if mine or not has_table(file.parent, stem_of(other)):
            continue
        theirs, wrong = load_form(other, table.schema, 1)
        if any(not each.warning for each in wrong):
            continue  # its own check says so
        known = national(records_of(other, theirs, table.schema))
        yield from islice(other_file(records_of(file, rows, schema), known, other), limit)


def _other_countries(file: Path, rows: pd.DataFrame, table: NationalTable, limit: int) -> Iterator[Problem]:
    """Rows of another country than most rows, or than the folder's."""
    if "country_code" in rows:
        column, codes = "country_code", rows["country_code"]
    else:
        column, codes = table.place, rows[table.place].map(_country_of_place)
    known = codes.dropna()
    if known.empty:
        return
    expected = country_of(file) or known.mode().iloc[0]
    for row in known.index[known != expected][:limit]:
        yield Problem(
            file=str(file),
            row=int(row),
            column=column,
            value=str(rows.at[row, column]),
            what=f"is not of {expected}",
            remedy="Keep one country a folder",
        )


def _country_of_place(place: str) -> str | None:
    """The country of a place's id, of ISO 3166-2 (TH-10) or alpha-3 (THA)."""
    prefix = place.split("-")[0]
    if "-" in place and prefix in MEMBERS:
        return MEMBERS[prefix]
    return place if place in CODES else None
