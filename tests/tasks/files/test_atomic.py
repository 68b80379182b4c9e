"""A file is the old one or the new one."""

import os
from pathlib import Path

import pytest

from tasks.files.atomic import write_atomically


def test_a_file_is_made_and_replaced_with_nothing_left_beside(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.csv"
    for content in (b"old", b"new and longer", b""):
        write_atomically(file, content)
        assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file.csv"
    write_atomically(file, b"old")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(source), str(target))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
