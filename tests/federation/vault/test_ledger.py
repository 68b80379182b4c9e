"""The ledger holds what left, once, for good, and shows where somebody changed it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation.errors import LedgerError
from federation.vault.database import open_database
from federation.vault.ledger import Entry, describe, enter, entries, verify


def entry(country: str = "VNM", round_: int = 1, kind: str = "update", digest: str = "d1") -> Entry:
    contents = {"examples": 100, "arrays": {"update/w": [2, 3]}, "suppressed": []}
    return Entry(country=country, run="r", round=round_, kind=kind, digest=digest, bytes=10, contents=contents)


WRITTEN = [entry(country, round_, digest=f"{country}{round_}") for round_ in (1, 2, 3) for country in ("THA", "VNM")]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "vault.sqlite")
    for each in WRITTEN:
        enter(connection, each)
    yield connection
    connection.close()


def unguarded(ledger: sqlite3.Connection) -> sqlite3.Connection:
    """The ledger in the hands of somebody who knows SQL."""
    triggers = [name for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    for name in triggers:
        ledger.execute(f"DROP TRIGGER {name}")
    return ledger


def test_what_was_entered_is_there_in_its_order(ledger: sqlite3.Connection) -> None:
    assert entries(ledger) == entries(ledger, "r") == WRITTEN
    assert entries(ledger, "another run") == []
    assert verify(ledger) == len(WRITTEN)


def test_the_same_release_again_is_one_row(ledger: sqlite3.Connection) -> None:
    enter(ledger, WRITTEN[0])
    assert entries(ledger) == WRITTEN


def test_something_else_under_the_same_key_is_refused(ledger: sqlite3.Connection) -> None:
    with pytest.raises(LedgerError, match="VNM already released another update for run r, round 1"):
        enter(ledger, entry(digest="other"))
    enter(ledger, entry(kind="scores", digest="other"))  # another kind is another key
    assert verify(ledger) == len(WRITTEN) + 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET bytes = 0",
        "DELETE FROM ledger WHERE number = 6",
        "INSERT OR REPLACE INTO ledger SELECT 2, country, run, round, kind, at, 'forged', bytes, contents, seal"
        " FROM ledger WHERE number = 2",
        "REPLACE INTO ledger SELECT 2, country, 'another', round, kind, at, 'forged', bytes, contents, seal"
        " FROM ledger WHERE number = 2",
        "REPLACE INTO ledger SELECT 99, country, run, round, kind, at, 'forged', bytes, contents, seal"
        " FROM ledger WHERE number = 2",
    ],
)
def test_rows_cannot_be_changed_or_removed(ledger: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        ledger.execute(statement)
    assert entries(ledger) == WRITTEN


@pytest.mark.parametrize("column", ["country", "run", "round", "kind", "at", "digest", "bytes", "contents", "seal"])
@pytest.mark.parametrize("number", [1, 4, 6])
def test_a_changed_value_breaks_the_chain(ledger: sqlite3.Connection, column: str, number: int) -> None:
    unguarded(ledger).execute(f"UPDATE ledger SET {column} = {column} || '0' WHERE number = ?", (number,))
    with pytest.raises(LedgerError, match="is not as it was written"):
        verify(ledger)


@pytest.mark.parametrize("number", range(1, 7))
def test_a_removed_row_breaks_the_chain(ledger: sqlite3.Connection, number: int) -> None:
    unguarded(ledger).execute("DELETE FROM ledger WHERE number = ?", (number,))
    with pytest.raises(LedgerError):
        verify(ledger)


def test_a_country_removed_whole_is_missed(ledger: sqlite3.Connection) -> None:
    unguarded(ledger).execute("DELETE FROM ledger WHERE country = 'THA'")
    with pytest.raises(LedgerError):
        verify(ledger)


@pytest.mark.parametrize("at", [0, 3, 99])
def test_an_inserted_row_breaks_the_chain(ledger: sqlite3.Connection, at: int) -> None:
    unguarded(ledger).execute(
        "INSERT INTO ledger SELECT ?, country, run, 77, kind, at, digest, bytes, contents, seal"
        " FROM ledger WHERE number = 2",
        (at if at != 3 else -1,),
    )
    with pytest.raises(LedgerError, match="is not as it was written"):
        verify(ledger)


def test_rows_that_changed_places_break_the_chain(ledger: sqlite3.Connection) -> None:
    unguarded(ledger).executescript(
        "UPDATE ledger SET number = -2 WHERE number = 2; UPDATE ledger SET number = 2 WHERE number = 4;"
        "UPDATE ledger SET number = 4 WHERE number = -2;"
    )
    with pytest.raises(LedgerError, match="is not as it was written"):
        verify(ledger)


def test_an_entry_is_described_in_one_line() -> None:
    assert describe(entry()) == "VNM r round 1: update, 10 bytes, sha256 d1"
