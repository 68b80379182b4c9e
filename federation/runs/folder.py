"""The folder of one run: everything it leaves lies there, and only one process works in it at a time."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TextIO

from federation.errors import ConfigError, GotongError
from federation.settings.schema import Settings

LOCK = "lock"
MOMENT = 0.2  # seconds
TAKEN = ("keys", "mlflow")  # folders beside the runs


def create(settings: Settings) -> Path:
    """A new run's folder, named for a person. Raises ConfigError if that run exists."""
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    name = settings.name or f"{settings.task.name}-{settings.strategy.name}-seed{settings.seed}-{now}"
    if not all(letter.isalnum() or letter in "._-" for letter in name) or name.startswith("."):
        raise ConfigError(f"name={name!r} must be of letters, digits, '.', '_' and '-', for it names a folder")
    if name in TAKEN:
        raise ConfigError(f"name={name} is taken for what all runs share; choose another")
    folder = Path(settings.runs) / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise ConfigError(f"a run {name} exists in {settings.runs}; choose another name, or resume={name}") from None
    except OSError as error:
        raise ConfigError(f"runs={settings.runs} cannot be written ({error.strerror}); choose another folder") from None
    return folder


def existing(runs: str, run: str) -> Path:
    """The folder of a run that began. Raises ConfigError, naming the runs there are."""
    folder = Path(runs) / run
    if Path(run).name != run or not (folder / LOCK).exists():
        there = sorted(each.parent.name for each in Path(runs).glob(f"*/{LOCK}"))
        known = f"there are {', '.join(there)}" if there else "there is none"
        raise ConfigError(f"no run {run!r} in {runs}; {known}")
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's folder; the lock falls with the process. Raises GotongError if another process works there."""
    with (folder / LOCK).open("w") as file:
        until = monotonic() + MOMENT
        while not _taken(file, fcntl.LOCK_EX):
            if monotonic() > until:
                raise GotongError(f"run {folder.name} is in progress in another process; wait for it or stop it")
            sleep(MOMENT / 10)  # whoever looks whether a run goes on holds its lock while looking
        yield


def held(folder: Path) -> bool:
    """Whether a process works in the run's folder."""
    with (folder / LOCK).open("a") as file:
        return not _taken(file, fcntl.LOCK_SH)  # two that look do not take each other for it


def _taken(file: TextIO, how: int) -> bool:
    """Take the lock, until the file is closed, if nobody else holds it; whether that was so."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def country_key(runs: Path, country: str) -> bytes:
    """The secret under which a simulated country fingerprints its records; made once, readable by its owner alone."""
    path = runs / "keys" / f"{country}.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{country}.{os.getpid()}")
    if not path.exists():
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(beside, path)  # never replaces a key that another process made meanwhile
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    return path.read_bytes()
