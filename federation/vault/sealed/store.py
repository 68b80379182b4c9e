"""What a vault keeps of sealed runs: keys, shares and models of open rounds, and the replies it gave.

Erased values are overwritten in the file (`secure_delete`).
"""

import sqlite3
from dataclasses import dataclass

from federation.errors import PolicyRefusal
from federation.seals.setup import pieces

REPLY = "reply"
# What stays of a run that is over: digests of its first and its final model, and the scores of the country.
MADE = "made"
MEMBERS = "members"
SECRETLESS = ("began", MADE, MEMBERS, "own results")


@dataclass(frozen=True, kw_only=True)
class SealStore:
    """Of one run of one country. Writes are committed by the caller."""

    database: sqlite3.Connection
    country: str
    run: str

    def get(self, round_: int, name: str) -> bytes | None:
        """What was put; None for nothing."""
        row = self.database.execute(
            "SELECT value FROM seals WHERE (country, run, round, name) = (?, ?, ?, ?)",
            (self.country, self.run, round_, name),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, round_: int, name: str, value: bytes) -> None:
        """Keep it, in the place of what was there."""
        self.database.execute(
            "INSERT OR REPLACE INTO seals VALUES (?,?,?,?,?)", (self.country, self.run, round_, name, value)
        )

    def forget(self, round_: int, *names: str) -> None:
        """Erase these of a round."""
        for name in names:
            self.database.execute(
                "DELETE FROM seals WHERE (country, run, round, name) = (?, ?, ?, ?)",
                (self.country, self.run, round_, name),
            )

    def forget_before(self, round_: int) -> None:
        """Erase all of earlier rounds but the setup, and the replies to it."""
        self.database.execute(
            "DELETE FROM seals WHERE (country, run) = (?, ?) AND round BETWEEN 1 AND ?",
            (self.country, self.run, round_ - 1),
        )

    def reply(self, kind: str, round_: int, request: str) -> bytes | None:
        """The reply to this very request, if it was given. Raises PolicyRefusal if another one was replied to."""
        kept = self.get(round_, f"{REPLY}/{kind}")
        if kept is None:
            return None
        if kept[:64].decode() != request:
            raise PolicyRefusal(f"{self.country} has replied to another {kind} of round {round_} of run {self.run}")
        return kept[64:]

    def reply_kept(self, kind: str, round_: int) -> bytes | None:
        """The reply that was given to a request of this kind, whichever it was."""
        kept = self.get(round_, f"{REPLY}/{kind}")
        return None if kept is None else kept[64:]

    def keep_reply(self, kind: str, round_: int, request: str, reply: bytes) -> None:
        """For the same request, should it come again. request: its digest, 64 letters."""
        self.put(round_, f"{REPLY}/{kind}", request.encode() + reply)

    def began_with(self, start: bytes) -> str | None:
        """Another run whose first frame was sent, and that shares one of these digests. start: of `start_of`."""
        rows = self.database.execute(
            "SELECT run, value FROM seals WHERE country = ? AND name = 'began' AND run != ? ORDER BY run",
            (self.country, self.run),
        )
        wanted = set(pieces(start))
        return next((str(run) for run, value in rows if not wanted.isdisjoint(pieces(bytes(value)))), None)

    def members_before(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Other run that sent its first frame -> its task and its members."""
        rows = self.database.execute(
            "SELECT run, value FROM seals WHERE country = ? AND name = ? AND run != ? ORDER BY run",
            (self.country, MEMBERS, self.run),
        )
        named = ((run, bytes(value).decode().split()) for run, value in rows)
        return {run: (task, frozenset(members)) for run, (task, *members) in named}


def models_made(database: sqlite3.Connection, country: str) -> frozenset[str]:
    """Digests of the models with which sealed runs ended that this vault took part in: it worked them out itself."""
    rows = database.execute("SELECT value FROM seals WHERE country = ? AND name = ?", (country, MADE))
    return frozenset(bytes(value).decode() for (value,) in rows)


def forget_secrets(database: sqlite3.Connection, country: str | None = None, run: str | None = None) -> None:
    """Erase all of sealed runs but what tells nothing: of one country and run, or of all."""
    marks = ", ".join("?" for _ in SECRETLESS)
    database.execute(
        f"DELETE FROM seals WHERE name NOT IN ({marks}) AND (? IS NULL OR country = ?) AND (? IS NULL OR run = ?)",
        (*SECRETLESS, country, country, run, run),
    )
