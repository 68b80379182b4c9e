"""`gotong data check PATH`: every problem of the national files at PATH, on this machine alone; exit code 1 if any."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from federation.composition.compose import compose
from federation.settings.checks import within
from federation.verbs.word_checks import bare_word_as, required
from tasks.files.check import check, country_of, national_files
from tasks.files.reading import Problem, shorten


@dataclass  # not frozen: Hydra merges it
class CheckSettings:
    """path: a national file, a country's folder, or the folder of countries. limit: problems listed of one file."""

    path: str | None = None
    limit: int = 100


def run(words: Sequence[str]) -> None:
    """Print the table of problems; a bare word is the path."""
    compose("data check", bare_word_as(words, "path"), CheckSettings, _check)


def _check(settings: CheckSettings) -> None:
    within("limit", settings.limit, 1, 1_000_000)
    console = Console(highlight=False)
    path = required(settings.path, "say what to look through: gotong data check PATH")
    files = national_files(Path(path))
    problems_of = {file: check(file, settings.limit) for file in files}
    problems = [problem for each in problems_of.values() for problem in each]
    for file in files:
        if country_of(file) is None:
            console.print(
                f"{file} lies in no country's folder; runs read COUNTRY/{file.name}, such as THA/{file.name}",
                markup=False,
                soft_wrap=True,
            )
    if not problems:
        console.print(f"{len(files)} national files, no problem.", markup=False)
        return
    if console.is_terminal:
        console.print(sheet(problems))
    else:
        for problem in problems:
            console.print(str(problem), markup=False, soft_wrap=True)
    full = [file for file, each in problems_of.items() if len(each) == settings.limit]
    more = f" There may be more in {', '.join(map(str, full))}: limit={settings.limit}." if full else ""
    broken = sum(bool(each) for each in problems_of.values())
    console.print(
        f"{len(problems)} problems in {broken} of {len(files)} national files.{more}", markup=False, soft_wrap=True
    )
    sys.exit(1)


def sheet(problems: Sequence[Problem]) -> Table:
    """A line a problem."""
    table = Table()
    for name in ("file", "row", "column", "value", "problem", "remedy"):
        table.add_column(name, overflow="fold")
    for each in problems:
        row = "" if each.row is None else str(each.row)
        value = "" if each.value is None else shorten(each.value)
        table.add_row(each.file, row, each.column or "", value, each.what, each.remedy)
    return table
