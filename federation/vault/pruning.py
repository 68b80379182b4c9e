"""Old runs' state: what a vault remembers of a run goes some days after its last reply. The ledger stays for ever."""

import sqlite3
from datetime import datetime, timedelta

from federation.errors import PolicyRefusal
from federation.vault.database import empty_log, transaction
from federation.vault.sealed.store import forget_secrets

SCHEMA = "CREATE TABLE IF NOT EXISTS pruned (country TEXT, run TEXT, at TEXT NOT NULL, PRIMARY KEY (country, run));"


def prune(connection: sqlite3.Connection, country: str, keep_days: int, now: datetime) -> list[str]:
    """Remove the state of runs whose last reply is older; returns their names. keep_days 0 keeps all. now: UTC."""
    connection.executescript(SCHEMA)
    if not keep_days:
        return []
    before = (now - timedelta(days=keep_days)).isoformat(timespec="milliseconds")
    query = (
        "SELECT run FROM ledger WHERE country = :country AND run IN (SELECT run FROM state WHERE country = :country"
        " UNION SELECT run FROM seals WHERE country = :country AND name = 'terms')"
        " GROUP BY run HAVING max(at) < :before ORDER BY run"
    )
    runs = [run for (run,) in connection.execute(query, {"country": country, "before": before})]
    with transaction(connection):
        for run in runs:
            connection.execute("DELETE FROM state WHERE country = ? AND run = ?", (country, run))
            forget_secrets(connection, country, run)
            connection.execute("INSERT OR IGNORE INTO pruned VALUES (?,?,?)", (country, run, now.isoformat()))
    if runs:
        empty_log(connection)
    return runs


def check(connection: sqlite3.Connection, country: str, run: str) -> None:
    """Raise PolicyRefusal for a run whose state is gone: without it, its rounds would be served twice."""
    if connection.execute("SELECT 1 FROM pruned WHERE country = ? AND run = ?", (country, run)).fetchone():
        raise PolicyRefusal(f"run {run} is over here, its state was removed (`keep_days`); start a new run")
