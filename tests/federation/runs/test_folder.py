"""A run's folder: one name, one process, and keys of countries that nobody replaces."""

import fcntl
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from federation.errors import ConfigError, GotongError
from federation.runs.folder import LOCK, country_key, create, existing, is_locked, locked
from federation.tracking.run_info import RunInfo
from tests.federation.federations import settings_of

HOLDS = """
import sys, time
from pathlib import Path
from federation.runs.folder import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_has_the_name_it_was_given_or_one_that_says_what_it_is(tmp_path: Path) -> None:
    assert create(settings_of(tmp_path, name="first")) == tmp_path / "runs" / "first"
    assert create(settings_of(tmp_path, name=None, seed=7)).name.startswith("toy-fedavg-seed7-")


def test_no_run_begins_in_the_folder_of_another(tmp_path: Path) -> None:
    create(settings_of(tmp_path, name="first"))
    with pytest.raises(ConfigError, match=r"a run first exists in .*; choose another name, or resume=first"):
        create(settings_of(tmp_path, name="first"))


@pytest.mark.parametrize("name", ["2026_11", "ภูเก็ต", "Bình-Dương"])
def test_a_name_in_any_script_names_a_run(tmp_path: Path, name: str) -> None:
    assert create(settings_of(tmp_path, name=name)).name == RunInfo(id=name, name=name, countries=()).id


@pytest.mark.parametrize("name", ["a/b", "../a", ".hidden", "..", "a b", "a\nb", "keys", "mlflow", "n" * 300])
def test_a_name_that_is_no_folders_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        create(settings_of(tmp_path, name=name))
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "runs").glob("*")) == []


@pytest.mark.parametrize("run", ["", ".", "..", "second", "../runs/first", "keys", "/"])
def test_only_a_run_that_began_has_a_folder(tmp_path: Path, run: str) -> None:
    with locked(create(settings_of(tmp_path, name="first"))):
        pass
    country_key(tmp_path / "runs", "VNM")
    assert existing(str(tmp_path / "runs"), "first") == tmp_path / "runs" / "first"
    with pytest.raises(ConfigError, match="there are first"):
        existing(str(tmp_path / "runs"), run)


def test_where_no_run_began_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no run 'first' in .*; there is none"):
        existing(str(tmp_path), "first")


def test_a_lock_is_held_against_other_processes_and_falls_with_its_own(tmp_path: Path) -> None:
    folder = create(settings_of(tmp_path, name="first"))
    command = [sys.executable, "-c", HOLDS, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(GotongError, match="run first is in progress in another process"), locked(folder):
            pass
        other.kill()
        other.wait()
    with locked(folder):  # as nobody is left who held it
        pass


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = country_key(tmp_path, "VNM")
    assert len(first) == 32
    assert country_key(tmp_path, "VNM") == first
    assert country_key(tmp_path, "THA") != first
    modes = {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "keys").iterdir()}
    assert modes == {0o600}
    assert sorted(each.name for each in (tmp_path / "keys").iterdir()) == ["THA.key", "VNM.key"]


def test_two_runs_that_begin_at_once_agree_on_a_key(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from pathlib import Path; from federation.runs.folder import country_key;"
        "print(country_key(Path(sys.argv[1]), 'VNM').hex())",
        str(tmp_path),
    ]
    with ThreadPoolExecutor(2) as pool:  # two processes, each waited for by a thread
        keys = list(pool.map(lambda _: subprocess.run(command, capture_output=True, check=True).stdout, range(2)))
    assert len(set(keys)) == 1


def test_looking_whether_a_run_goes_on_never_stops_it_from_beginning(tmp_path: Path) -> None:
    folder = create(settings_of(tmp_path, name="first"))
    looking = (folder / LOCK).open("a")
    fcntl.flock(looking, fcntl.LOCK_SH)  # as `is_locked` does for a moment
    assert not is_locked(folder)  # another look is no process at work
    looked = threading.Timer(0.05, looking.close)
    looked.start()
    with locked(folder):
        assert is_locked(folder)
    looked.join()
    assert not is_locked(folder)
