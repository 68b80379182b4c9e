"""Runs `gotong` and ends itself with SIGKILL at a named moment.

A process that is killed runs no handler and flushes nothing, so whatever a resumed run needs must be on the disk.
"""

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from federation.cli import main


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Dies at the nth call."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            die()


def in_ledger_commit(tick: Callable[[], None]) -> None:
    """Everything of a round is written into the transaction; the COMMIT never comes."""
    from federation.vault import database

    opened = database.open_database

    def traced(*args: Any) -> sqlite3.Connection:
        connection = opened(*args)
        connection.set_trace_callback(lambda statement: tick() if statement == "COMMIT" else None)
        return connection

    from federation.runs import simulation

    vars(simulation)["open_database"] = traced


def around_rename(tick: Callable[[], None], *, before: bool) -> None:
    """The new checkpoint is written as a second file; or it has just replaced it."""

    replace = os.replace

    def watched(source: Any, target: Any) -> None:
        ours = str(target).endswith("checkpoint.gotong")
        if ours and before:
            tick()
        replace(source, target)
        if ours and not before:
            tick()

    vars(os)["replace"] = watched


def around_flush(tick: Callable[[], None], *, before: bool) -> None:
    """Rows of tracking are written but not flushed; or flushed, and no checkpoint knows of them."""
    from federation.tracking import spool

    flush = spool.Spool.flush

    def watched(self: Any) -> int:
        if before:
            tick()
        length = flush(self)
        if not before:
            tick()
        return length

    setattr(spool.Spool, "flush", watched)  # noqa: B010  mypy forbids the assignment


def in_sender(tick: Callable[[], None]) -> None:
    """Rows have left for MLflow; nobody has noted yet that they arrived."""
    from federation.tracking import cursor

    save = cursor.save

    def watched(*args: Any, **kwargs: Any) -> Any:
        tick()
        return save(*args, **kwargs)

    vars(cursor)["save"] = watched


def after_seconds(seconds: float) -> None:
    """Wherever it is."""
    timer = threading.Timer(seconds, die)
    timer.daemon = True
    timer.start()


def live(moment: str, count: float, words: Sequence[str]) -> None:
    """A run, until that moment has come so many times, or after so many seconds."""
    tick = Countdown(int(count))
    moments: dict[str, Callable[[], None]] = {
        "ledger-commit": lambda: in_ledger_commit(tick),
        "before-rename": lambda: around_rename(tick, before=True),
        "after-rename": lambda: around_rename(tick, before=False),
        "before-flush": lambda: around_flush(tick, before=True),
        "after-flush": lambda: around_flush(tick, before=False),
        "sender": lambda: in_sender(tick),
        "seconds": lambda: after_seconds(count),
        "never": lambda: None,
    }
    moments[moment]()
    main(words)
