"""A lock on an open file, between processes. It is released when the file is closed, or when the process ends."""

import fcntl
from typing import IO, Any


def lock(file: IO[Any]) -> None:
    """Take the lock, waiting until no other process holds it."""
    fcntl.flock(file, fcntl.LOCK_EX)


def try_lock(file: IO[Any], *, shared: bool = False) -> bool:
    """Take the lock if it is free; whether it was taken.

    shared: for a check of whether a process holds it; two checks at once do not see each other.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
