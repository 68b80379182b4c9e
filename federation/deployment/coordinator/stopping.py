"""Ending a submitted run however far it came: from the first moment of `gotong submit` to its test.

Whoever ends it leaves a file in the run's folder. The process that submits the run looks for it until the run has
begun, the run's own process when it begins, and Flower ends a process that is further.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from psutil import Process

from federation.deployment import flower_cli
from federation.deployment.coordinator.submission import ENDED, number_of
from federation.errors import ConfigError, DeploymentError
from federation.runs import folder as run_folder
from tasks.files.locking import try_lock

STOP, SUBMITTING = "stop", "submitting.lock"
BEGINS = 30.0  # seconds in which a run that was submitted a moment ago gets its folder on a busy machine
PATIENCE = 120.0  # seconds until a run that is being stopped has ended
LOOK = 0.1  # seconds between two looks


@contextmanager
def submitting(home: Path, folder: Path) -> Iterator[None]:
    """Hold a lock as long as this process submits the run or follows it.

    An earlier request to stop is forgotten, but for one that came after this process had begun.
    """
    (folder / STOP).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        if _note(home, folder.name).stat().st_mtime >= Process().create_time():
            (folder / STOP).touch()
        _note(home, folder.name).unlink()
    with (folder / SUBMITTING).open("a") as file:
        try_lock(file)  # a second `submit resume=RUN` is refused by the lock of the run itself
        yield


def requested(folder: Path) -> bool:
    """Whether the run is to end."""
    return (folder / STOP).exists()


def check(folder: Path) -> None:
    """Raise DeploymentError if the run is to end, where it has not begun."""
    if requested(folder):
        raise DeploymentError("it was stopped before it began")


def in_progress(folder: Path) -> bool:
    """Whether a process submits the run, follows it or works in it."""
    return folder.exists() and (run_folder.is_locked(folder) or _is_submitted(folder))


def stop(home: Path, runs: str, name: str, say: Callable[[str], None]) -> Path:
    """End a run and wait until it has ended; its folder, which is gone if it had not begun.

    Raises ConfigError if there is no such run, DeploymentError if it is not in progress or does not end.
    """
    folder = _wait_for(home, runs, name, say)
    _note(home, name).unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # it has ended meanwhile
        (folder / STOP).touch()
    until, ended_by_flower = monotonic() + PATIENCE, False
    while _goes_on(home, folder):
        if monotonic() > until:
            raise DeploymentError(f"{name} has not ended within {PATIENCE:g} s; is its coordinator in {home} running?")
        ended_by_flower = ended_by_flower or _end(home, folder)
        sleep(LOOK)
    return folder


def _wait_for(home: Path, runs: str, name: str, say: Callable[[str], None]) -> Path:
    """The folder of a run in progress, or of one that a `gotong submit` has just begun to submit, or ended for this."""
    until, said = monotonic() + BEGINS, False
    while True:
        try:
            folder = run_folder.existing(runs, name)
            if _goes_on(home, folder):
                return folder
            if (folder / ENDED).exists() or monotonic() > until:
                raise DeploymentError(f"{name} is not in progress: {_outcome(folder)}")
        except ConfigError:
            if Path(name).name != name:
                raise
            if not said:
                say(f"no run {name} in {runs} yet; one that is being submitted will not begin (waiting {BEGINS:g} s)")
                _leave_note(home, name)
            elif home.is_dir() and not _note(home, name).exists():
                return Path(runs) / name  # a submit has heeded it
            if monotonic() > until:
                raise
            said = True
        sleep(LOOK)


def _outcome(folder: Path) -> str:
    """How a run ended, as far as it could say."""
    if not (folder / ENDED).exists():
        return "see `gotong status`"
    error = json.loads((folder / ENDED).read_text(encoding="utf-8"))["error"]
    return f"failed: {error}" if error else "completed"


def _note(home: Path, name: str) -> Path:
    """A file that says when a run was to be stopped that had no folder yet."""
    return home / "stops" / name


def _leave_note(home: Path, name: str) -> None:
    """For a `gotong submit` that is starting on a busy machine. One that starts later does not heed it."""
    if home.is_dir():
        _note(home, name).parent.mkdir(exist_ok=True)
        _note(home, name).touch()


def _goes_on(home: Path, folder: Path) -> bool:
    """In progress, or started by Flower without anybody who follows."""
    if in_progress(folder):
        return True
    try:
        number = number_of(folder)
    except DeploymentError:
        return False
    return not (folder / ENDED).exists() and not flower_cli.status(home, number)[0].startswith("finished")


def _end(home: Path, folder: Path) -> bool:
    """Have Flower end the run's process, if Flower knows the run by now; whether it was asked."""
    try:
        flower_cli.stop(home, number_of(folder))
    except DeploymentError:  # not started yet, or it has ended by itself
        return False
    return True


def _is_submitted(folder: Path) -> bool:
    with suppress(FileNotFoundError), (folder / SUBMITTING).open() as file:
        return not try_lock(file, shared=True)
    return False
