"""Every public file of a folder -> national files."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from tasks.errors import DataError
from tasks.files.folders import files_below
from tasks.files.reading import SUFFIXES, header
from tasks.importers import ASSEMBLERS, FORMATS
from tasks.importers.contract import Imported, ImportReport, National, Public
from tasks.importers.markets import pink_sheet
from tasks.importers.writing import write_all
from tasks.mapping.propose import is_week
from tasks.registry import TABLES
from tasks.sheets.sheet import ending_of

MAX_ROWS = 5_000_000  # of all public files together, which stand in memory until the national files are written
UNKNOWN = "its columns are of no known format"
WEEKLY = "it has counts by week of no known format"
OTHER = "it is no table"
WORKBOOK = "importers of public files read .csv, .csv.gz and .parquet; gotong data map takes it"


def import_folder(source: Path, to: Path) -> Imported:
    """Turn the public tables in `source` (or its subfolders, or `source` itself) into `to`/COUNTRY/TASK.csv.

    All national files are written, or none. Raises DataError for a folder without any known format, for a broken file
    of a known one, and rather than replace national records that differ.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist; give the folder that holds the public files")
    public: dict[str, list[Public]] = {}
    unused: dict[Path, str] = {}
    rows = 0
    for path in _tables(source, to):
        name, table = _read(path)
        if table is not None:
            public.setdefault(name, []).append(table)
            rows += len(table.table)
        unused[path] = FORMATS[name].why_unused if name in FORMATS else name or UNKNOWN
        if rows > MAX_ROWS:
            raise DataError(f"{source} holds more than {MAX_ROWS:,} rows up to {path.name}; import it in parts")
    if all(why in (UNKNOWN, WEEKLY, WORKBOOK, OTHER) for why in unused.values()):
        named = "; ".join(f"{path.name}: {why}" for path, why in list(unused.items())[:5])
        example = next(iter(unused), "FILE")
        raise DataError(
            f"{source} holds no file of a known format{f' ({named})' if named else ''}; the formats are "
            f"{', '.join(FORMATS)}. For another table: gotong data map {quote(str(example))} country=CODE"
        )
    nationals = [national for assemble in ASSEMBLERS.values() for national in assemble(public)]
    public.clear()
    files = write_all(to, [each for each in nationals if len(each.table)])
    reports = tuple(_report(each, files.get((each.country, each.name))) for each in nationals)
    taken = {path for report in reports for path in report.sources}
    return Imported(reports=reports, unused={path: why for path, why in unused.items() if path not in taken})


def _tables(source: Path, to: Path) -> Iterator[Path]:
    """All files but hidden ones and the national files that an earlier import may have written to `to`."""
    if source.is_file():
        yield source
        return
    for path in files_below(source):
        ours = path.name in TABLES and path.resolve().parents[1] == to.resolve()
        if path.is_file() and not ours:
            yield path


def _read(path: Path) -> tuple[str, Public | None]:
    """The format's name and the table; where it is of none, why it is passed over, and nothing."""
    if pink_sheet.is_workbook(path):
        return "pink_sheet", pink_sheet.read_workbook(path)
    if not path.name.endswith(SUFFIXES):
        return WORKBOOK if ending_of(path) else OTHER, None
    columns = frozenset(header(path))
    for name, known in FORMATS.items():
        if known.fits(columns):
            return name, known.read(path)
    return WEEKLY if any(is_week(name) for name in columns) else UNKNOWN, None


def _report(national: National, file: Path | None) -> ImportReport:
    return ImportReport(
        country=national.country,
        task=national.task,
        file=file,
        kept=len(national.table),
        sources=national.sources,
        records=national.records,
        dropped=national.dropped,
    )
