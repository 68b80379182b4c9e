"""The commands of docs/monday.md, run as they stand there, and what the page says they print."""

import re
import shlex
from pathlib import Path

import pytest

from federation.cli import main

PAGE = Path(__file__).parents[3] / "docs" / "monday.md"
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]


def blocks(language: str) -> list[list[str]]:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [[line for line in block.splitlines() if line.strip()] for block in found]


def words_of(command: str) -> list[str]:
    """As a shell hands them on."""
    program, *words = shlex.split(command)
    assert program == "gotong"
    return words


def test_a_monday_is_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    printed: list[str] = []
    for command in [line for block in blocks("bash") for line in block]:
        if " as_of=" not in command:
            main(words_of(command))
            printed.append(capsys.readouterr().out)
    made, approved, again = printed[3], printed[6], printed[7]
    expected = blocks("text")[0]
    lines = made.splitlines()[: len(expected)]
    assert [re.sub(r"\d+", "0", line) for line in lines] == [re.sub(r"\d+", "0", line) for line in expected]
    assert "issue health/2008-12/1: released" in approved
    assert "nothing has changed since it was made" in again
    stem = "outbox/VNM-health-2008-12-1"
    names = ("hubverse.csv", "chap.csv", "cap.xml", "release.json")
    assert all(Path(f"{stem}.{name}").exists() for name in names)
    assert Path("vnm.png").read_bytes().startswith(b"\x89PNG")
    [remake] = [line for block in blocks("bash") for line in block if " as_of=" in line]
    main(words_of(remake))
    assert capsys.readouterr().out.splitlines() == blocks("text")[1]
    assert "VNM-02 reports next week" in Path(f"{stem}.release.json").read_text()
