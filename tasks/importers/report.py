"""What every importer offers, and what it tells about its work."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """One country's part of one public file.

    source: the public file. country: ISO 3166-1 alpha-3, or "" where `note` says why nothing was imported.
    file: the national file written. kept: its rows. dropped: reason -> rows of that country left out.
    """

    source: Path
    country: str = ""
    file: Path | None = None
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


class Importer(Protocol):
    """A module that knows one public format."""

    def recognises(self, columns: frozenset[str]) -> bool:
        """Whether a table with these columns is of the format; at most one importer may say so."""
        ...

    def convert(self, path: Path, to: Path) -> list[ImportReport]:
        """Write `to`/COUNTRY/TASK.csv for every country in the file at `path`; raises DataError.

        A format that lies in several files recognises all of them, reads the others from the folder of the first, and
        returns no report for those.
        """
        ...
