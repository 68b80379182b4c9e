"""One process serves a home: a lock on a file in it, which falls with the process however it ends."""

import os
from pathlib import Path

from federation.errors import DeploymentError
from tasks.files.locking import try_lock

FILE = "serving.lock"


def take(folder: Path, what: str) -> None:
    """Hold the lock until this process ends, also across `exec`; its children do not have it.

    Raises DeploymentError if another process holds it. what: what serves, in words.
    """
    file = (folder / FILE).open("a+")
    if not try_lock(file):
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise DeploymentError(
            f"{folder} is in use by {what} (process {holder}); stop that one first, or choose another home"
        )
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    descriptor = os.dup(file.fileno())  # its own, for the file object closes with the last reference to it
    os.set_inheritable(descriptor, True)  # past exec; `subprocess` closes it in every child
    file.close()
