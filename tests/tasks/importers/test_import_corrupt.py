"""Every damage ends in one line that names the file (and the row, where there is one), and nothing is written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.importers.folder import import_folder
from tests.tasks.importers.corrupt import ALONE, BOMBS, EVERYWHERE, MAIN, Damage, folder_of

CASES = [
    pytest.param(task, damage, said, id=f"{task}-{name}")
    for task in MAIN
    for name, damage, said in [*((name, *each) for name, each in EVERYWHERE.items()), *ALONE[task]]
]
MEMORY = 900  # MiB; torch and pandas alone take about 350 of them
CHILD = """
import json, resource, sys
from pathlib import Path
from tasks.errors import DataError
from tasks.importers.folder import import_folder
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    import_folder(Path(sys.argv[1]), Path(sys.argv[2]))
    said = ""
except DataError as error:
    said = str(error)
print(json.dumps([said, before / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


@pytest.mark.parametrize("task", MAIN)
def test_the_folder_is_sound_before_the_damage(tmp_path: Path, task: str) -> None:
    done = import_folder(folder_of(task, tmp_path / "from"), tmp_path / "to")
    assert any(each.task == task and each.kept >= 36 for each in done.reports)


@pytest.mark.parametrize(("task", "damage", "said"), CASES)
def test_damage_is_told_in_one_line(tmp_path: Path, task: str, damage: Damage, said: str) -> None:
    source = folder_of(task, tmp_path / "from")
    damage(task, source)
    with pytest.raises(DataError, match=said) as caught:
        import_folder(source, tmp_path / "to")
    message = str(caught.value)
    assert "\n" not in message
    assert ".csv" in message
    assert len(message) < 700
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("task", MAIN)
def test_three_gigabytes_do_not_fill_the_memory(tmp_path: Path, task: str, bomb: str) -> None:
    if bomb == "rows" and task != "disaster":
        pytest.skip("the same reader reads all; two million rows take a while")
    source = folder_of(task, tmp_path / "from")
    BOMBS[bomb](task, source)
    words = [sys.executable, "-c", CHILD, str(source), str(tmp_path / "to")]
    ended = subprocess.run(words, capture_output=True, text=True, check=True, timeout=280)
    said, before, peak = json.loads(ended.stdout)
    assert MAIN[task] in said
    assert any(part in said for part in ("is not text", "more than", "is there twice"))
    assert peak < MEMORY
    assert bomb == "rows" or peak - before < 150
    assert not (tmp_path / "to").exists()
    assert ended.stderr == ""
