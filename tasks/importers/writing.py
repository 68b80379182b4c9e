"""National files onto the disk: all of an import or none of it, and never over records that differ."""

import shutil
from collections.abc import Sequence
from filecmp import cmp
from pathlib import Path
from tempfile import mkdtemp

from tasks.errors import DataError
from tasks.files.check import check
from tasks.files.reading import SUFFIXES, stem_of
from tasks.importers.contract import National


def write_all(to: Path, nationals: Sequence[National]) -> dict[tuple[str, str], Path]:
    """Write `to`/COUNTRY/NAME in UTF-8; the same records may be written again. (country, name) -> file.

    Raises DataError, with nothing written, rather than replace records that differ (they may be a country's own, or
    another source's) and for records that the task's schema refuses.
    """
    if to.exists() and not to.is_dir():
        raise DataError(f"{to} is a file; give the folder for the national files")
    made = [folder for folder in (to, *to.parents) if not folder.exists()]
    try:
        to.mkdir(parents=True, exist_ok=True)
        staging = Path(mkdtemp(prefix=".import-", dir=to))
    except OSError as error:
        raise DataError(f"{to} cannot be written to ({error.strerror}); choose another folder") from None
    try:
        ready = {to / each.country / each.name: _stage(staging, each) for each in nationals}
        fresh = {file: staged for file, staged in ready.items() if _is_new(file, staged)}
        for file, staged in fresh.items():
            file.parent.mkdir(exist_ok=True)
            staged.replace(file)  # the same disk: a rename, whole or not at all
    except OSError as error:
        raise DataError(f"{to} cannot be written to ({error.strerror}); make room, or choose another folder") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        for folder in made:
            if not any(folder.iterdir()):
                folder.rmdir()
    return {(each.country, each.name): to / each.country / each.name for each in nationals}


def _stage(staging: Path, national: National) -> Path:
    file = staging / national.country / national.name
    file.parent.mkdir(exist_ok=True)
    national.table.to_csv(file, index=False, lineterminator="\n", encoding="utf-8")
    if problems := [each for each in check(file, limit=1) if not each.warning]:
        problem = str(problems[0]).replace(str(file), f"{national.country}/{national.name}, as it would be written")
        raise DataError(f"{problem} The values come from {', '.join(each.name for each in national.sources)}.")
    return file


def _is_new(file: Path, staged: Path) -> bool:
    for suffix in SUFFIXES:
        there = file.with_name(stem_of(file) + suffix)
        if there.exists() and not (there == file and cmp(there, staged, shallow=False)):
            raise DataError(
                f"{there} holds other records and stays as it is; move it away, or import to another folder"
            )
    return not file.exists()
