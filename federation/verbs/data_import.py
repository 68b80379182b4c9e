"""`gotong data import from=FOLDER to=DIR`: public files -> national files, on this machine alone.

`from=FILE map=YAML` takes any table, as the YAML of `gotong data map` says.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from federation.composition.compose import compose
from federation.composition.written import written
from federation.verbs.word_checks import required
from tasks.importers.contract import Imported
from tasks.importers.folder import import_folder
from tasks.mapping.imports import import_mapped

WIDTH = 130  # of a table that goes into a file


@dataclass  # not frozen: Hydra merges it
class ImportSettings:
    """source (written from=): the folder of public files, or one file.

    by (written map=): the YAML of `gotong data map` that says what the columns of the file in `from` are.
    """

    source: str | None = written("from")
    to: str | None = None
    by: str | None = written("map")


def run(words: Sequence[str]) -> None:
    """Import, and say what was kept and what was left out."""
    compose("data import", words, ImportSettings, _import)


def _import(settings: ImportSettings) -> None:
    source = Path(required(settings.source, "say where the public files lie: gotong data import from=FOLDER to=FOLDER"))
    to = Path(required(settings.to, "say where the national files go: gotong data import from=FOLDER to=FOLDER"))
    imported = import_mapped(source, Path(settings.by), to) if settings.by else import_folder(source, to)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    console.print(sheet(imported))
    for name, files in sources(imported).items():
        console.print(f"{name} holds values of {', '.join(files)}.", markup=False, soft_wrap=True)
    for path, why in imported.unused.items():
        console.print(f"{path.name} not used: {why}.", markup=False, soft_wrap=True)
    written = sum(report.file is not None for report in imported.reports)
    look = shlex.join(["gotong", "data", "check", str(to)])
    console.print(f"{written} national files in {to}. Look them through: {look}", markup=False, soft_wrap=True)


def sheet(imported: Imported) -> Table:
    """A line a country and national file: its rows, the public records beneath them, and those left out."""
    table = Table(caption="records: rows, floods or yields of the public files that speak of the country")
    for name in ("country", "national file"):
        table.add_column(name, no_wrap=True)
    for name in ("rows", "records", "used"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("left out, and why")
    last = ""
    for report in sorted(imported.reports, key=lambda each: each.country):
        if report.country != last and last:
            table.add_section()
        table.add_row(
            "" if report.country == last else report.country,
            report.file.name if report.file else f"none of {report.task}",
            f"{report.kept:,}",
            f"{report.records:,}",
            f"{report.records - sum(report.dropped.values()):,}",
            Text("; ".join(f"{count:,} {why}" for why, count in report.dropped.items())),
        )
        last = report.country
    return table


def sources(imported: Imported) -> dict[str, list[str]]:
    """National file -> names of the public files whose values it holds in some country."""
    by_name: dict[str, set[str]] = {}
    for report in imported.reports:
        if report.file:
            by_name.setdefault(report.file.name, set()).update(path.name for path in report.sources)
    return {name: sorted(files) for name, files in by_name.items()}
