"""The commands in the documents and the units in deploy/ are ones that exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from federation.cli import VERBS, main

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(
    {
        line.strip()
        for path in (ROOT / "docs" / "operate.md", ROOT / "docs" / "trust.md")
        for block in re.findall(r"```bash\n(.*?)```", path.read_text(), re.DOTALL)
        for line in block.splitlines()
        if line.strip()
    }
)
UNITS = sorted((ROOT / "deploy").glob("*.service"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command_has_a_verb_and_keys_that_exist(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *words = command.split()
    assert program == "gotong"
    main([*words, "--cfg", "job"])  # composes, checks every key, and does nothing
    composed = capsys.readouterr().out
    for word in words:
        if "=" in word:
            key = word.split("=")[0].replace("from", "file")
            assert re.search(rf"^{key}:", composed, re.MULTILINE), key
    assert not list(tmp_path.iterdir())


def test_the_documents_name_every_verb_of_a_deployment() -> None:
    text = (ROOT / "docs" / "operate.md").read_text()
    ours = [verb for verb in VERBS if verb.split()[0] in ("keys", "node", "coordinator", "submit", "status", "stop")]
    assert len(ours) >= 14
    for verb in ours:
        assert re.search(rf"gotong {verb}\b", text), verb


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_calls_a_verb_with_keys_that_exist(
    unit: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    program, *words = line.removeprefix("ExecStart=").split()
    assert program == "/opt/gotong/bin/gotong"
    main([*(re.sub(r"\$\{(\w+)\}", "VNM", word) for word in words), "--cfg", "job"])
    assert "home: /var/lib/gotong" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemds_own_tool_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    assert len(UNITS) == 3
    for unit in UNITS:  # the tool wants the program to be there
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/gotong/bin/gotong", "/bin/true"))
    told = subprocess.run(
        ["systemd-analyze", "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True, timeout=60
    )
    assert (told.returncode, told.stderr) == (0, "")
