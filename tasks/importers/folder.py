"""Every public file of a folder -> national files."""

from pathlib import Path

from tasks.errors import DataError
from tasks.importers import IMPORTERS
from tasks.importers.report import ImportReport
from tasks.tables import SUFFIXES, header


def import_folder(source: Path, to: Path) -> list[ImportReport]:
    """Convert each table that lies directly in `source` (or `source` itself) into `to`/COUNTRY/TASK.csv.

    A file of no known format gets a report that says so. Raises DataError for a folder without any known format, for a
    broken file, and rather than replace national records that differ.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist; give the folder that holds the public files")
    files = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.name.endswith(SUFFIXES))
    reports = [report for path in files for report in _import_file(path, to)]
    if all(report.note for report in reports):
        raise DataError(f"{source} holds no file of a known format; the formats are {', '.join(IMPORTERS)}")
    return reports


def _import_file(path: Path, to: Path) -> list[ImportReport]:
    columns = frozenset(header(path))
    for importer in IMPORTERS.values():
        if importer.recognises(columns):
            return importer.convert(path, to)
    return [ImportReport(source=path, note="columns of no known format")]
