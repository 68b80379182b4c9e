"""A table of any format and its mapping -> a national file, written as those of public files are."""

from pathlib import Path

from tasks.errors import DataError
from tasks.importers.contract import Imported, ImportReport, National
from tasks.importers.writing import write_all
from tasks.mapping.apply import apply_parts
from tasks.mapping.mapping import read
from tasks.mapping.propose import LOOK
from tasks.registry import TASKS
from tasks.sheets.sheet import TEXTS, ending_of, parts, sheets


def import_mapped(source: Path, by: Path, to: Path) -> Imported:
    """Write `to`/COUNTRY/TASK.csv from the sheet that the mapping names; the other sheets are named as unused.

    Raises DataError, with nothing written.
    """
    mapping = read(by)
    if not source.is_file():
        raise DataError(f"{source} is no file; a mapping takes one: gotong data import from=FILE map={by} to=FOLDER")
    held = sheets(source, LOOK)
    chosen = [each for each in held if not mapping.sheet or each.name == mapping.sheet]
    if not chosen:
        raise DataError(f"{by}: sheet: {source} has {', '.join(repr(each.name) for each in held) or 'no row'}")
    mapped = apply_parts(mapping, parts(source) if ending_of(source) in TEXTS else chosen[:1])
    if mapped.table.empty:
        raise DataError(f"{chosen[0]}: no row has a period and a place; correct `header` and `columns` in {by}")
    name = TASKS[mapping.task].file
    national = National(
        country=mapping.country,
        task=mapping.task,
        name=name,
        table=mapped.table,
        sources=(source,),
        records=mapped.records,
        dropped=mapped.dropped,
    )
    files = write_all(to, [national])
    report = ImportReport(
        country=mapping.country,
        task=mapping.task,
        file=files[mapping.country, name],
        kept=len(mapped.table),
        sources=(source,),
        records=mapped.records,
        dropped=mapped.dropped,
    )
    others = {Path(f"{source.name}, sheet {each.name}"): "the mapping names another sheet" for each in held}
    others.pop(Path(f"{source.name}, sheet {chosen[0].name}"))
    return Imported(reports=(report,), unused=others)
