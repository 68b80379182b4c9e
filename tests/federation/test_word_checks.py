"""Where a verb is to write is looked at before it works."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from federation.errors import ConfigError
from federation.verbs.word_checks import file_to_write


def link(path: Path) -> None:
    path.symlink_to(path.with_name("target"))


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "link": (link, "is a link to .*target; name that file itself"),
    "pipe": (os.mkfifo, "is no regular file"),
    "folder": (Path.mkdir, "is a folder; name a file in it"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_would_be_replaced_is_refused(name: str, tmp_path: Path) -> None:
    make, said = WRONG[name]
    make(tmp_path / name)
    with pytest.raises(ConfigError, match=f"^to={tmp_path / name} {said}"):
        file_to_write("to", str(tmp_path / name))


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file is a file and no folder"):
        file_to_write("out", str(tmp_path / "file" / "x.json"))


def test_new_and_regular_files_are_taken(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    for name in ("old", "new", "folder/that/comes/new"):
        assert file_to_write("to", str(tmp_path / name)) == tmp_path / name
