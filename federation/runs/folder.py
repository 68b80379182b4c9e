"""The folder of one run: everything it leaves lies there, and only one process works in it at a time."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from unicodedata import category

from federation.errors import ConfigError, GotongError
from federation.settings.address import keep
from federation.settings.schema import Settings
from tasks.files.locking import try_lock

LOCK = "lock"
MOMENT = 0.2  # seconds
RESERVED = ("keys", "mlflow", "cycles", "champions", "nodes")  # folders that all runs share


def create(settings: Settings) -> Path:
    """A new run's folder. Raises ConfigError if that run exists, or its name or place cannot be used."""
    name = name_of(settings)
    if not all(letter.isalnum() or letter in "._-" or category(letter)[0] == "M" for letter in name) or name[0] == ".":
        raise ConfigError(f"name={name!r} must be of letters, digits, '.', '_' and '-', for it names a folder")
    if name in RESERVED:
        raise ConfigError(f"name={name} is taken for what all runs share; choose another")
    folder = Path(settings.runs) / name
    try:
        folder.mkdir(parents=True)
        (folder / LOCK).touch()
        keep(folder, settings.tracking.uri)
    except FileExistsError:
        if not folder.exists():
            raise ConfigError(f"runs={settings.runs} is a link to nothing; choose another folder") from None
        raise ConfigError(f"a run {name} exists in {settings.runs}; choose another name, or resume={name}") from None
    except OSError as error:
        raise ConfigError(f"runs={settings.runs} cannot be written ({error.strerror}); choose another folder") from None
    return folder


def name_of(settings: Settings) -> str:
    """The name that a run was given, or one that says what it is and when it began."""
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    return settings.name or f"{settings.task.name}-{settings.strategy.name}-seed{settings.seed}-{now}"


def existing(runs: str, run: str) -> Path:
    """The folder of a run that began. Raises ConfigError, naming the runs there are."""
    folder = Path(runs) / run
    if Path(run).name != run or not (folder / LOCK).exists():
        there = sorted(each.parent.name for each in Path(runs).glob(f"*/{LOCK}"))
        known = f"there are {', '.join(there)}" if there else "there is none"
        raise ConfigError(f"no run {run!r} in {runs}; {known}")
    return folder


def has_checkpoint(folder: Path) -> bool:
    """Whether a run came as far as its first checkpoint."""
    from federation.coordinator import checkpoint  # late: a second, which only a run that did not end well costs

    return (folder / checkpoint.FILE).exists()


@contextmanager
def removed_without_checkpoint(folder: Path) -> Iterator[None]:
    """A run that fails before its first checkpoint leaves nothing behind, unless a process works in it."""
    try:
        yield
    except BaseException:
        if not has_checkpoint(folder) and not is_locked(folder):
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # other runs lie there
                folder.parent.rmdir()
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's folder until the block or the process ends. Raises GotongError if another process holds it."""
    with (folder / LOCK).open("w") as file:
        until = monotonic() + MOMENT
        while not try_lock(file):
            if monotonic() > until:
                raise GotongError(f"run {folder.name} is in progress in another process; wait for it or stop it")
            sleep(MOMENT / 10)  # a process that checks with `is_locked` holds the lock for a moment
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process works in the run's folder."""
    with (folder / LOCK).open("a") as file:
        return not try_lock(file, shared=True)  # shared, so that two checks do not see each other


def keys_of(runs: Path) -> Path:
    """Where the secrets of simulated countries lie."""
    return runs / "keys"


def country_key(runs: Path, country: str) -> bytes:
    """The secret under which a simulated country fingerprints its records; made once, readable by its owner alone."""
    path = keys_of(runs) / f"{country}.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    temp_path = path.with_name(f".{country}.{os.getpid()}")
    if not path.exists():
        descriptor = os.open(temp_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(temp_path, path)  # never replaces a key that another process made meanwhile
        except FileExistsError:
            pass
        finally:
            temp_path.unlink()
    return path.read_bytes()
