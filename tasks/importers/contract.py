"""Public files -> national files in two stages: a Format reads one file, an Assembler makes a task's national files.

The stages are separate because a national file combines several public ones: rain of one source, floods of another.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from tasks.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Public:
    """A public file as read; `of` distinguishes tables of one format, such as "THA" or "era_pre".

    table: as the format's file documents it; its index is the row in the file. reports: how its counts came in, where
    the file says that.
    """

    file: Path
    table: pd.DataFrame
    of: str = ""
    reports: pd.DataFrame | None = None


@dataclass(frozen=True, kw_only=True)
class Format:
    """One public format.

    title: what it is, for a person. columns: all that such a file has. read: raises DataError; may return None where a
    table with these columns is not recognised by its name. recognises: in place of `columns`, where these vary.
    why_unused: why a file of it may stay unused.
    """

    title: str
    columns: frozenset[str] = frozenset()
    read: Callable[[Path], Public | None] = lambda _: None
    recognises: Callable[[frozenset[str]], bool] | None = None
    why_unused: str

    def fits(self, columns: frozenset[str]) -> bool:
        """Whether a table with these columns is of this format; at most one format may say so."""
        return self.recognises(columns) if self.recognises else columns == self.columns


@dataclass(frozen=True, kw_only=True)
class National:
    """One national file before it is written, and how many public records it holds and leaves out.

    name: of the file. table: its rows; with none, no file is written. sources: every public file whose values it holds.
    records: public records of this country looked at (rows of the public files; flood events; yields of a wide table).
    dropped: reason -> records left out; the others stand in the table, several in one row where weeks became a month.
    """

    country: str
    task: str
    name: str
    table: pd.DataFrame
    sources: tuple[Path, ...]
    records: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What one national file holds. file: None where nothing was left to write. kept: its rows. Else as in National."""

    country: str
    task: str
    file: Path | None
    kept: int
    sources: tuple[Path, ...]
    records: int
    dropped: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """reports: by country and file. unused: public files of which no national file holds a value, and why."""

    reports: tuple[ImportReport, ...]
    unused: Mapping[Path, str]


PublicFiles = Mapping[str, Sequence[Public]]  # format -> its files
Assembler = Callable[[PublicFiles], Iterable[National]]


def one(public: PublicFiles, name: str, of: str = "") -> Public | None:
    """The only table of a format (and, where `of` is given, of that kind). Raises DataError if there are two."""
    tables = [each for each in public.get(name, ()) if not of or each.of == of]
    if len(tables) > 1:
        raise DataError(
            f"{tables[1].file} and {tables[0].file} hold the same kind of table; an importer does not guess "
            f"which is right. Keep one."
        )
    return tables[0] if tables else None


def tally(reasons: "pd.Series[str]") -> dict[str, int]:
    """Reason -> records, most frequent first; "" marks a record that is kept."""
    return {str(reason): int(count) for reason, count in reasons[reasons != ""].value_counts().items()}
