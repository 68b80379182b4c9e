"""One SQLite file holds a vault's ledger and its memory: a release and what it cost are kept together or not at all."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from federation.errors import LedgerError

log = logging.getLogger(__name__)

LEDGER = """
CREATE TABLE IF NOT EXISTS ledger (
  number INTEGER PRIMARY KEY, country TEXT NOT NULL, run TEXT NOT NULL, round INTEGER NOT NULL, kind TEXT NOT NULL,
  at TEXT NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT NULL, contents TEXT NOT NULL, seal TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS heads (country TEXT PRIMARY KEY, seal TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS ledger_grows AFTER INSERT ON ledger
  BEGIN INSERT INTO heads VALUES (NEW.country, NEW.seal) ON CONFLICT (country) DO UPDATE SET seal = NEW.seal; END;
CREATE TRIGGER IF NOT EXISTS ledger_counts BEFORE INSERT ON ledger  -- REPLACE deletes without asking a DELETE trigger
  WHEN EXISTS (SELECT 1 FROM ledger WHERE number = NEW.number)
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS ledger_keeps BEFORE UPDATE ON ledger
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS ledger_holds BEFORE DELETE ON ledger
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""
VAULT = """
CREATE UNIQUE INDEX IF NOT EXISTS ledger_once ON ledger (country, run, round, kind);
CREATE TRIGGER IF NOT EXISTS ledger_stays BEFORE INSERT ON ledger
  WHEN EXISTS (SELECT 1 FROM ledger WHERE (country, run, round, kind) = (NEW.country, NEW.run, NEW.round, NEW.kind))
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TABLE IF NOT EXISTS state (
  country TEXT NOT NULL, run TEXT NOT NULL, round INTEGER NOT NULL, kind TEXT NOT NULL,
  request TEXT NOT NULL, memory BLOB NOT NULL, reply BLOB NOT NULL, PRIMARY KEY (country, run, round));
CREATE TABLE IF NOT EXISTS models (
  country TEXT NOT NULL, run TEXT NOT NULL, round INTEGER NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (country, run, round));
CREATE TABLE IF NOT EXISTS tested (
  country TEXT NOT NULL, digest TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (country, digest));
CREATE TABLE IF NOT EXISTS seals (
  country TEXT NOT NULL, run TEXT NOT NULL, round INTEGER NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (country, run, round, name));
CREATE TABLE IF NOT EXISTS charges (
  number INTEGER PRIMARY KEY, country TEXT NOT NULL, run TEXT NOT NULL, round INTEGER NOT NULL, kind TEXT NOT NULL,
  amount REAL NOT NULL, clock TEXT NOT NULL, time TEXT NOT NULL, seal TEXT NOT NULL, UNIQUE (country, run, round));
CREATE TRIGGER IF NOT EXISTS charges_count BEFORE INSERT ON charges
  WHEN EXISTS (SELECT 1 FROM charges WHERE number = NEW.number
    OR (country, run, round) = (NEW.country, NEW.run, NEW.round))
  BEGIN SELECT RAISE(ABORT, 'charges are append-only'); END;
CREATE TRIGGER IF NOT EXISTS charges_keep BEFORE UPDATE ON charges
  BEGIN SELECT RAISE(ABORT, 'charges are append-only'); END;
CREATE TRIGGER IF NOT EXISTS charges_hold BEFORE DELETE ON charges
  BEGIN SELECT RAISE(ABORT, 'charges are append-only'); END;
"""


def open_database(path: Path) -> sqlite3.Connection:
    """The vault's file with its tables, created if missing, readable by its owner alone. Raises LedgerError."""
    return _opened(path, LEDGER + VAULT)


def open_ledger(path: Path) -> sqlite3.Connection:
    """A file with a ledger alone, which takes any number of rows of one round. Raises LedgerError."""
    return _opened(path, LEDGER)


def _opened(path: Path, schema: str) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)  # also where a copy or a backup left it open; SQLite's other files take its mode
        connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        # WAL with FULL: a commit is on the disk before the reply leaves, also if the machine loses power.
        # A round's memory is hundreds of KB: in pages of 16 KiB it is kept in six tenths of the time of 4 KiB.
        # What SQLite puts aside meanwhile stays in memory: its file would lie in a folder that all users share.
        connection.executescript(
            "PRAGMA page_size=16384; PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON;"
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + schema
        )
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"{path}: {error}; restore it from a backup, nothing is released without it") from None
    return connection


def empty_log(connection: sqlite3.Connection) -> None:
    """Write SQLite's log into the file and cut it to nothing: what was erased is gone from both, not from one.

    Where somebody else reads meanwhile, or the disk refuses, it is done the next time.
    """
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        log.warning("the log of the vault's file could not be emptied: %s", error)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All writes inside, of ledger and state together, or none. Raises LedgerError if they cannot be kept."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if connection.in_transaction:  # a full disk has undone it already
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger cannot be written ({error}); nothing was released") from None


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    """Inside a transaction: all writes inside this block or none of them, whatever becomes of the others."""
    connection.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # as above, and the savepoint with it
            connection.execute("ROLLBACK TO part")
        raise
    finally:
        if connection.in_transaction:
            connection.execute("RELEASE part")
