"""An empty national file, and a page in the same folder that explains its columns and units."""

from pathlib import Path

from tasks.errors import DataError
from tasks.files.atomic import write_atomically
from tasks.files.columns import REMEDY, Column
from tasks.files.table import NationalTable
from tasks.registry import TABLES, TASKS


def write_template(task: str, to: Path) -> list[Path]:
    """Write the header of a task's national file to `to`, or of all its files into `to` if it names no .csv file.

    A page of the same name ending in .README.md explains the columns: the files themselves hold no comments, so that
    every program reads them. Raises DataError rather than replace a file.
    """
    names = list(TASKS[task].tables)
    if not names:
        raise DataError(f"task {task!r} describes no national file: there is nothing to write a template from")
    if to.suffix == ".csv" and not to.is_dir():
        chosen = {to: TABLES[to.name if to.name in names else names[0]]}
    else:
        chosen = {to / name: TABLES[name] for name in names}
    contents: dict[Path, str] = {}
    for file, table in chosen.items():
        contents[file] = ",".join(table.schema.columns) + "\n"
        contents[file.with_suffix(".README.md")] = _page(file.name, table)
    if there := next((file for file in contents if file.exists() or file.is_symlink()), None):
        raise DataError(f"{there} exists and stays as it is; choose another name")
    for file, text in contents.items():
        try:
            write_atomically(file, text.encode())
        except OSError as error:
            raise DataError(f"{file} cannot be written ({error.strerror}); choose another folder") from None
    return list(contents)


def _page(name: str, table: NationalTable) -> str:
    columns = [
        f"| `{column}` | {_form(table.schema.columns[column])} | {text} |" for column, text in table.meaning.items()
    ]
    return "\n".join(
        [
            f"# {name}",
            "",
            f"{table.title}. CSV in UTF-8, commas between fields, a decimal point, no thousands separators.",
            "",
            "| column | form | what to write |",
            "|---|---|---|",
            *columns,
            "",
            "For example:",
            "",
            "```text",
            ",".join(table.schema.columns),
            table.example,
            "```",
            "",
            f"No two rows may agree in all of {', '.join(f'`{key}`' for key in table.schema.keys)}. "
            "A column that is not required may be left out.",
            "",
            "Lay the file into a folder named by the country's ISO 3166-1 alpha-3 code, then:",
            "`gotong data check FOLDER`",
            "",
            "Sums from another source, such as an annual report, go into `totals.toml` in that folder, and the file",
            "must add up to them: each a `[[total]]` with `file`, `column`, `sum` and `source`, and `year` or `place`",
            "if it is of one.",
            "",
        ]
    )


def _form(column: Column) -> str:
    form = {kind: remedy.split(",")[0].removeprefix("Write ") for kind, remedy in REMEDY.items()} | {
        "text": "text",
        "number": "number",
    }
    bounds = f", {column.low:g} to {column.high:g}" if column.kind == "number" and column.high < float("inf") else ""
    needed = "" if column.required else ", not required"
    return form[column.kind] + bounds + (", may be empty" if column.empty else "") + needed
