"""The commands of docs/products.md, run as they stand there."""

import re
from pathlib import Path

import pytest

from federation.cli import main
from tasks.registry import TASKS

PAGE = Path(__file__).parents[2] / "docs" / "products.md"
COMMANDS = [
    line.split()
    for block in re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


@pytest.mark.long
def test_the_commands_do_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = []
    for program, *words in COMMANDS:
        assert program == "gotong"
        main([*words, "tracking=none"] if words[0] == "simulate" else words)
        made += [word.removeprefix("to=") for word in words if word.startswith("to=")]
    assert len(made) == len(set(made)) == 10
    written = {*made, *(f"{name}.about.json" for name in made)}
    assert {path.name for path in tmp_path.iterdir()} == {*written, "runs"}


def test_the_page_names_every_product() -> None:
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for task in TASKS.values():
        for form in task.products:
            assert any(line.startswith(f"| `{form}` |") and task.name in line.split("|")[2] for line in table), form
    tried = {word for words in COMMANDS for word in words if word.startswith("format=")}
    assert tried == {f"format={form}" for task in TASKS.values() for form in task.products}
