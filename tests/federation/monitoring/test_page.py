"""The commands of docs/monitoring.md, run as they stand there, and what the page says they print."""

import re
import shlex
from pathlib import Path

import pytest

from federation.cli import main

PAGE = Path(__file__).parents[3] / "docs" / "monitoring.md"
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]


def test_the_page_is_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    [commands] = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for command in commands.splitlines():
        program, *words = shlex.split(command)
        assert program == "gotong"
        capsys.readouterr()
        main(words)
    printed = [re.sub(r"\d+", "0", line) for line in capsys.readouterr().out.splitlines()]
    for block in re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL):
        for line in block.splitlines():
            assert " ".join(re.sub(r"\d+", "0", line).split()) in [" ".join(each.split()) for each in printed]
