"""`gotong data map FILE`: which column of an agency's table is what, as a small YAML that a person corrects."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.verbs.word_checks import bare_word_as, required
from tasks.mapping.mapping import write
from tasks.mapping.propose import LOOK, Proposal, proposal
from tasks.places.countries import problem_with
from tasks.settings import TaskSettings
from tasks.sheets.sheet import TEXTS, Sheet, ending_of, parts, sheets

ROWS = 3  # of the file, shown with the proposal
WIDTH = 130  # of a table that goes into a file


@dataclass  # not frozen: Hydra merges it
class MapSettings:
    """file: a table of any format. sheet: of a workbook, the first with rows if none. to: the YAML, next to the file if
    none."""

    task: TaskSettings
    file: str | None = None
    country: str | None = None
    sheet: str | None = None
    to: str | None = None


def run(words: Sequence[str]) -> None:
    """Print the proposal with the first rows, and write it."""
    compose("data map", bare_word_as(words, "file"), MapSettings, _map)


def _map(settings: MapSettings) -> None:
    file = Path(required(settings.file, "say which file: gotong data map FILE country=THA"))
    example = shlex.join(["gotong", "data", "map", str(file), "country=THA"])
    country = required(settings.country, f"say whose file it is: {example}")
    if wrong := problem_with(country):
        raise ConfigError(f"country: {wrong}")
    if not file.exists():
        raise ConfigError(f"{file} does not exist; give a table of any format")
    held = sheets(file, LOOK)
    chosen = [each for each in held if settings.sheet in (None, each.name)]
    if not chosen:
        names = ", ".join(repr(each.name) for each in held)
        raise ConfigError(f"sheet={settings.sheet}: {file} has {names or 'no sheet with a row'}")
    for _ in parts(file) if ending_of(file) in TEXTS else ():
        pass  # the rows below, which the proposal does not look at: what the import would refuse is said here
    made = proposal(chosen[0], settings.task.name, country)
    to = Path(settings.to) if settings.to else file.with_name(f"{file.name}.map.yaml")
    write(made.mapping, to)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    console.print(table(chosen[0], made))
    for question in made.open:
        console.print(f"asked: {question}", markup=False, soft_wrap=True)
    for each in held:
        if each is not chosen[0]:
            console.print(f"not looked at: {each}; sheet={each.name}", markup=False, soft_wrap=True)
    then = shlex.join(["gotong", "data", "import", f"from={file}", f"map={to}", "to=FOLDER"])
    console.print(f"{to} written. Correct it, then: {then}", markup=False, soft_wrap=True)


def table(sheet: Sheet, made: Proposal) -> Table:
    """A line a column of the file: what it is taken for, and its first values, but none where a row may be a person."""
    mapping = made.mapping
    taken = {column: name for name, column in mapping.columns.items()}
    taken |= {getattr(mapping, name): name for name in ("year", "month", "week") if getattr(mapping, name)}
    shown = Table(caption=Text(f"{sheet}, names in row {mapping.header}"))
    for name in ("column", "taken for", *(f"row {mapping.header + number}" for number in range(1, ROWS + 1))):
        shown.add_column(name, overflow="fold")
    counted = mapping.wide or mapping.task != "health" or "disease_cases" in mapping.columns
    rows = sheet.rows[mapping.header : mapping.header + ROWS] if counted and not mapping.persons else ()
    for place, name in enumerate(sheet.rows[mapping.header - 1][:40]):
        cells = [row[place] for row in rows]
        texts = (name, taken.get(name, ""), *cells, *[""] * (ROWS - len(cells)))
        shown.add_row(*(Text("".join(filter(str.isprintable, text))) for text in texts))
    return shown
