"""A disk that is full: one sentence, nothing half-written, and with room the run ends where it would have ended."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation.coordinator import checkpoint
from federation.vault import ledger
from federation.vault.database import open_database
from tests.whole import IN_FULL

pytestmark = pytest.mark.long
Ended = tuple[bytes, list[tuple[int, str, str]]]  # model, and rows of the ledger
WORDS = ("rounds=4", "region.countries=[LAO,VNM]", "name=x", "keep_best=1")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small disk can only be mounted by a superuser")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("a disk cannot be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def _simulate(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from federation.cli import main; main()", "simulate", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=250)


def _size(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    runs = tmp_path_factory.mktemp("roomy")
    assert _simulate(*WORDS, f"runs={runs}", "tracking=none").returncode == 0
    return _ended(runs / "x")


# KiB: too few for synthetic records, for the first checkpoint, for a release of round 2 and of round 4
@pytest.mark.parametrize("size", [64, 400, 2_000, 5_000] if IN_FULL else [2_000])
def test_a_full_disk_is_one_sentence_and_room_is_all_the_run_wants(disk: Path, undisturbed: Ended, size: int) -> None:
    runs = (f"runs={disk / 'runs'}", "tracking=none")
    _size(disk, f"{size}k")
    ended = _simulate(*WORDS, *runs)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr, ended.stderr
    said = ended.stderr.strip().splitlines()[-1]
    assert said.startswith("gotong: ")
    assert "full" in said or "No space left" in said
    _size(disk, "64m")
    folder = disk / "runs" / "x"
    if (folder / checkpoint.FILE).exists():
        assert _simulate("resume=x", runs[0]).returncode == 0
    else:
        assert not folder.exists()
        assert _simulate(*WORDS, *runs).returncode == 0
    assert _ended(folder) == undisturbed


def _ended(folder: Path) -> Ended:
    rows = ledger.entries(open_database(folder / "vault.sqlite"))
    return (folder / checkpoint.MODEL).read_bytes(), [(row.round, row.kind, row.country) for row in rows]
