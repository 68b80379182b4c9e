"""The code of the documentation: fenced blocks of pages, and cells of notebooks."""

import io
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from federation.cli import main

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TIMING = re.compile(r"\d[\d.,]*(?= (s|min|MiB)\b)")  # what no two runs have in common
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of every block, in order."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def cells(notebook: Path) -> list[str]:
    """The code of a notebook."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def commands(block: str) -> Iterator[tuple[list[str], list[str]]]:
    """The words of each command of a console block, and the lines that it is said to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *expected = part.strip().splitlines()
        yield shlex.split(command, comments=True), expected


def run_page(page: Path) -> int:
    """Everything of a page in the working directory, Python in one namespace; how many blocks ran.

    Raises AssertionError for a command that fails, or does not print what the page says.
    """
    scope: dict[str, Any] = {"__name__": "__main__"}
    ran, printed = 0, ""
    for language, text in blocks(page):
        if language == "python":
            with redirect_stdout(io.StringIO()) as output:
                exec(compile(text, str(page), "exec"), scope)
            printed = output.getvalue()
        elif language == "text":  # what the block before it prints
            assert (missing := said(text.splitlines(), printed.splitlines())) is None, f"{missing!r}:\n{printed}"
        elif language == "console":
            for words, expected in commands(text):
                run_command(words, expected)
        ran += language in ("python", "console")
    return ran


def run_command(words: list[str], expected: list[str]) -> None:
    """One command of Gotong, which prints the expected lines and no others, but where one says ...; see `said`."""
    assert words[0] == "gotong", f"{words}: a page whose snippets are run has commands of Gotong alone"
    output, code = io.StringIO(), 0
    with redirect_stdout(output), redirect_stderr(output):
        try:
            main(words[1:])
        except SystemExit as ended:
            code = int(ended.code or 0)
    assert code == 0, f"{shlex.join(words)}\n{output.getvalue()}"
    missing = said(expected, output.getvalue().splitlines())
    assert missing is None, f"{shlex.join(words)} does not say, at its place, {missing!r}:\n{output.getvalue()}"


def said(expected: list[str], printed: list[str]) -> str | None:
    """The first expected line that was not printed where it stands, or a printed one that is missing; None for none.

    Seconds, MiB and the working directory are not compared, nor spaces at the ends. A line ... stands for any
    number of lines.
    """
    lines, skipped = [_masked(line) for line in printed], False
    for line in map(_masked, expected):
        if line == "...":
            skipped = True
            continue
        at = lines.index(line) if skipped and line in lines else 0
        if lines[at : at + 1] != [line]:
            return line
        lines, skipped = lines[at + 1 :], False
    return lines[0] if lines and not skipped else None


def _masked(line: str) -> str:
    return TIMING.sub("#", line.replace(f"{Path.cwd()}/", "").strip())


def run_notebook(notebook: Path) -> None:
    """All cells in order, in the working directory."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells(notebook), start=1):
        exec(compile(cell, f"{notebook.name}, cell {number}", "exec"), scope)
