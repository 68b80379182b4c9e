"""`gotong data check PATH`: every problem of the national files at PATH, on this machine alone.

Exit code 1 if a file has an error or, with `strict=true`, a warning that the country has not accepted.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from federation.composition.compose import compose
from federation.settings.checks import within
from federation.verbs.word_checks import bare_word_as, required
from tasks.files.check import Unseen, check, country_of, national_files, notes, unseen
from tasks.files.reading import Problem, shorten
from tasks.meaning.accepted import accepted
from tasks.meaning.control import NAME as TOTALS


@dataclass  # not frozen: Hydra merges it
class CheckSettings:
    """path: a national file, a country's folder, or the folder of countries.

    limit: errors listed of one file, and warnings of each kind. strict: warnings fail as errors do, but for those in
    `accepted.toml`. unseen: list the columns in which values ten times off may pass.
    """

    path: str | None = None
    limit: int = 100
    strict: bool = False
    unseen: bool = False


def run(words: Sequence[str]) -> None:
    """Print the table of problems; a bare word is the path."""
    compose("data check", bare_word_as(words, "path"), CheckSettings, _check)


def _check(settings: CheckSettings) -> None:
    within("limit", settings.limit, 1, 1_000_000)
    console = Console(highlight=False)
    path = required(settings.path, "say what to look through: gotong data check PATH")
    files = national_files(Path(path))
    problems_of = {file: check(file, settings.limit) for file in files}
    for file in files:
        if country_of(file) is None:
            console.print(
                f"{file} lies in no country's folder; runs read COUNTRY/{file.name}, such as THA/{file.name}",
                markup=False,
                soft_wrap=True,
            )
    for line in notes(files):
        console.print(f"note: {line}", markup=False, soft_wrap=True)
    reasons = {file: accepted(file.parent) for file in files}
    for file, each in problems_of.items():
        for problem in each:
            if problem.warning and problem.id in reasons[file]:
                console.print(f"accepted: {problem} {reasons[file][problem.id]}", markup=False, soft_wrap=True)
    left = [
        problem
        for file, each in problems_of.items()
        for problem in each
        if not problem.warning or problem.id not in reasons[file]
    ]
    errors = [problem for problem in left if not problem.warning]
    limits = [] if errors else list(_limits([each for file in files for each in unseen(file)], settings.unseen))
    if not left:
        for line in (f"{len(files)} national files, no problem.", *limits):
            console.print(line, markup=False, soft_wrap=True)
        return
    if console.is_terminal:
        console.print(sheet(left))
    else:
        for problem in left:
            console.print(str(problem), markup=False, soft_wrap=True)
    full = [file for file, each in problems_of.items() if _cut(each, settings.limit)]
    more = f" There may be more in {', '.join(map(str, full))}: limit={settings.limit}." if full else ""
    broken = sum(any(not problem.warning for problem in each) for each in problems_of.values())
    warnings = f" {len(left) - len(errors)} warnings." if len(left) > len(errors) else ""
    for line in (f"{len(errors)} problems in {broken} of {len(files)} national files.{warnings}{more}", *limits):
        console.print(line, markup=False, soft_wrap=True)
    if errors or settings.strict:
        sys.exit(1)


def _limits(columns: Sequence[Unseen], listed: bool) -> Iterator[str]:
    """What the check cannot see, as a line for each column and one for all, and what would show it."""
    open_ = sorted((each for each in columns if each.unseen), key=lambda each: -each.unseen)
    if not open_:
        return
    for each in open_ if listed else ():
        of = f"{each.unseen:,} of {each.known:,} values"
        yield f"not seen: {each.file}, column {each.column!r}: {of} may pass ten times off, most at {each.most}"
    total, known = (sum(getattr(each, name) for each in columns) for name in ("unseen", "known"))
    yield (
        f"Not seen here: {total:,} of {known:,} amounts may pass at ten times or a tenth of their value as well, "
        f"most of them {open_[0].column} in {open_[0].file}. Sums from another source, in {TOTALS} in the country's "
        f"folder, make such a slip an error{'' if listed else '; the columns: unseen=true'}."
    )


def _cut(problems: Sequence[Problem], limit: int) -> bool:
    """Whether errors, or warnings of one kind, are as many as are looked for."""
    return max(Counter(each.kind if each.warning else "" for each in problems).values(), default=0) >= limit


def sheet(problems: Sequence[Problem]) -> Table:
    """A line a problem."""
    table = Table()
    for name in ("file", "row", "column", "value", "problem", "remedy", "warning"):
        table.add_column(name, overflow="fold")
    for each in problems:
        row = "" if each.row is None else str(each.row)
        value = "" if each.value is None else shorten(each.value)
        mark = f"{each.kind} {each.id}" if each.warning else ""
        cells = (each.file, row, each.column or "", value, each.what, each.remedy, mark)
        table.add_row(*map(Text, cells))  # as text: a cell of the file may look like markup
    return table
