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
    ran = 0
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, str(page), "exec"), scope)
        elif language == "console":
            for words, expected in commands(text):
                run_command(words, expected)
        ran += language in ("python", "console")
    return ran


def run_command(words: list[str], expected: list[str]) -> None:
    """One command of Gotong; every expected line is part of one that it prints."""
    assert words[0] == "gotong", f"{words}: a page whose snippets are run has commands of Gotong alone"
    output, code = io.StringIO(), 0
    with redirect_stdout(output), redirect_stderr(output):
        try:
            main(words[1:])
        except SystemExit as ended:
            code = int(ended.code or 0)
    assert code == 0, f"{shlex.join(words)}\n{output.getvalue()}"
    for line in expected:
        assert line.strip() in output.getvalue(), f"{shlex.join(words)} does not say {line!r}:\n{output.getvalue()}"


def run_notebook(notebook: Path) -> None:
    """All cells in order, in the working directory."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells(notebook), start=1):
        exec(compile(cell, f"{notebook.name}, cell {number}", "exec"), scope)
