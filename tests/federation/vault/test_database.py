"""One file for ledger and memory: private to its owner, and all of a transaction or nothing."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from federation.errors import LedgerError
from federation.vault.database import open_database, transaction
from federation.vault.ledger import entries, verify
from tests.federation.vault.test_ledger import entry

# What a vault does when it replies, and a kill before the commit.
KILLED = """
import os, signal, sys
from pathlib import Path
from federation.vault import ledger, state
from federation.vault.database import open_database, transaction
from tests.federation.vault.test_ledger import entry
from tests.federation.vault.test_state import record_of
database = open_database(Path(sys.argv[1]))
with transaction(database):
    ledger.enter(database, entry(round_=1))
    state.store_round(database, record_of(1))
with transaction(database):
    ledger.enter(database, entry(round_=2))
    state.store_round(database, record_of(2))
    os.kill(os.getpid(), signal.SIGKILL)
"""


ROW = "INSERT INTO state VALUES ('VNM','r',1,'train','q',x'00',x'00')"


def write(database: sqlite3.Connection, times: int = 1, error: Exception | None = None) -> None:
    with transaction(database):
        for _ in range(times):
            database.execute(ROW)
        if error is not None:
            raise error


def count(database: sqlite3.Connection, table: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.parametrize("before", [False, True], ids=["new", "left readable by a copy"])
def test_only_the_owner_may_read_it(tmp_path: Path, before: bool) -> None:
    path = tmp_path / "deep" / "vault.sqlite"
    if before:
        open_database(path).close()
        path.chmod(0o644)
    mask = os.umask(0)
    try:
        database = open_database(path)
        write(database)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        database.close()
    finally:
        os.umask(mask)
    assert set(modes.values()) == {0o600}, modes
    assert "vault.sqlite-wal" in modes


def test_pages_suit_a_round_s_memory_and_a_file_of_other_pages_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "vault.sqlite"
    with closing(sqlite3.connect(path)) as before:
        before.executescript("PRAGMA page_size=4096; CREATE TABLE other (x)")
    for file, size in ((tmp_path / "new.sqlite", 16384), (path, 4096)):
        database = open_database(file)
        write(database)
        assert database.execute("PRAGMA page_size").fetchone() == (size,)
        assert database.execute("PRAGMA temp_store").fetchone() == (2,)  # memory, and no file of SQLite's own
        assert count(database, "state") == 1


def test_an_error_inside_leaves_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path / "vault.sqlite")
    with pytest.raises(KeyError):
        write(database, error=KeyError("anything"))
    assert count(database, "state") == 0
    write(database)  # and the next one is not hindered
    assert count(database, "state") == 1


def test_what_sqlite_refuses_is_a_ledger_error_and_leaves_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path / "vault.sqlite")
    with pytest.raises(LedgerError, match="nothing was released"):
        write(database, times=2)
    assert count(database, "state") == 0


def test_a_kill_inside_leaves_the_last_whole_transaction(tmp_path: Path) -> None:
    path = tmp_path / "vault.sqlite"
    child = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, timeout=120)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    database = open_database(path)
    assert verify(database) == 1
    assert entries(database) == [entry(round_=1)]
    assert database.execute("SELECT round FROM state").fetchall() == [(1,)]


def test_a_file_that_is_no_database_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "vault.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(LedgerError, match="restore it from a backup") as caught:
        open_database(tmp_path / "vault.sqlite")
    assert "\n" not in str(caught.value)


def test_a_folder_in_its_place_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "vault.sqlite").mkdir()
    with pytest.raises(LedgerError, match="restore it from a backup"):
        open_database(tmp_path / "vault.sqlite")
