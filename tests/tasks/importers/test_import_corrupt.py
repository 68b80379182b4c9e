"""Every damage ends in one line that names the file (and the row, where there is one), and nothing is written."""

import json
import re
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
MEMORY = 200  # MiB over those of the imports themselves
ROWS = 200_000  # in place of two million, which take a minute to reach
SAID = {
    "zeros": r", row 1: is not text",
    "packed zeros": r"\.gz, row 38: is not text",
    "one line": r"\.gz, row 38: holds a line of more than 65,536 bytes",
    "rows": r"\.gz: holds more than 200,000 rows",
}
CHILD = """
import json, resource, sys
from pathlib import Path
from tasks.files import reading
from tasks.errors import DataError
from tasks.importers.folder import import_folder

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

reading.MAX_ROWS = int(sys.argv[1])
outcomes = [("", peak())]
for source in map(Path, sys.argv[2:]):
    try:
        import_folder(source, source / "to")
        outcomes.append(("no problem", peak()))
    except DataError as error:
        outcomes.append((str(error), peak()))
print(json.dumps(outcomes))
"""


@pytest.mark.parametrize("task", MAIN)
def test_the_folder_is_sound_before_the_damage(tmp_path: Path, task: str) -> None:
    done = import_folder(folder_of(task, tmp_path / "from"), tmp_path / "to")
    assert any(each.task == task and each.kept >= 36 for each in done.reports)


@pytest.mark.parametrize(("task", "damage", "said"), CASES)
def test_damage_is_reported_in_one_line(tmp_path: Path, task: str, damage: Damage, said: str) -> None:
    source = folder_of(task, tmp_path / "from")
    damage(task, source)
    with pytest.raises(DataError, match=said) as caught:
        import_folder(source, tmp_path / "to")
    message = str(caught.value)
    assert "\n" not in message
    assert ".csv" in message
    assert len(message) < 700
    assert not (tmp_path / "to").exists()


@pytest.mark.long
@pytest.mark.parametrize("task", MAIN)
def test_three_gigabytes_do_not_fill_the_memory(tmp_path: Path, task: str) -> None:
    sources = [folder_of(task, tmp_path / bomb) for bomb in BOMBS]
    for explode, source in zip(BOMBS.values(), sources, strict=True):
        explode(task, source)
    words = [sys.executable, "-c", CHILD, str(ROWS), *map(str, sources)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True, timeout=280)
    (_, before), *outcomes = json.loads(ended.stdout)
    for source, bomb, (said, _) in zip(sources, BOMBS, outcomes, strict=True):
        assert re.match(f"{source / MAIN[task]}{SAID[bomb]}", said), said
    assert max(peak for _, peak in outcomes) - before < MEMORY
    assert not list(tmp_path.rglob("to"))
    assert ended.stderr == ""
