"""Submitting a run to a coordinator and following it: what it prints, and how it ended."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import federation
from federation.deployment import flower_cli
from federation.deployment.coordinator import members, stopping, submission
from federation.deployment.coordinator import process as coordinator_process
from federation.deployment.coordinator.submission import ENDED, FLOWER_RUN, OUTPUT, Submission
from federation.errors import DeploymentError, GotongError
from federation.runs import folder as run_folder
from tasks.files.atomic import write_atomically

BUNDLE = Path(federation.__path__[0]) / "deployment" / "bundle"
LOOK = 0.2  # seconds between two looks at what a run printed
PATIENCE = 60.0  # seconds for the executor to start the run's process


def submit(home: Path, submitted: Submission, say: Callable[[str], None]) -> None:
    """Start the run, repeat what it prints, and return when it has completed.

    Raises GotongError with the run's own words if it failed, DeploymentError if its process or its coordinator died.
    Interrupted, it leaves the run going.
    """
    folder = submitted.folder
    if run_folder.is_locked(folder):
        raise DeploymentError(
            f"{folder.name} is in progress; wait for its end, or `gotong stop run={folder.name}` first"
        )
    with stopping.submitting(home, folder):
        wait_until_ready(home, folder, say)
        for stale in (OUTPUT, ENDED, FLOWER_RUN):
            (folder / stale).unlink(missing_ok=True)
        submission.write(home, submitted)
        number = _start(home, folder)
        error = _follow(home, folder, number, say)
    if error is not None:
        raise GotongError(error)
    _agrees(home, number)


def _start(home: Path, folder: Path) -> int:
    """Flower's number of the run. Raises DeploymentError, also where the run was stopped meanwhile."""
    stopping.check(folder)
    number = flower_cli.start(home, BUNDLE, {"run": folder.name})
    write_atomically(folder / FLOWER_RUN, json.dumps({"run": number}).encode())
    return number


def _follow(home: Path, folder: Path, number: int, say: Callable[[str], None]) -> str | None:
    """`follow`; a run that was stopped before it began is one that Flower will not begin either."""
    try:
        return follow(folder, say)
    except DeploymentError:
        if stopping.requested(folder):
            with suppress(DeploymentError):  # whoever stops it has asked Flower, too
                flower_cli.stop(home, number)
        raise


def follow(folder: Path, say: Callable[[str], None]) -> str | None:
    """Repeat a run's output line by line until it ends; returns its error, or None if it completed.

    Raises DeploymentError if its process ended without a word, or it was stopped before it began.
    """
    at, until, began = 0, monotonic() + PATIENCE, False
    while True:
        ended, running = (folder / ENDED).exists(), run_folder.is_locked(folder)
        at = _repeat(folder / OUTPUT, at, say)
        if ended and not running:  # nothing works in its folder any more
            error = json.loads((folder / ENDED).read_text())["error"]
            return None if error is None else str(error)
        began = began or running
        if not began:
            stopping.check(folder)
        if began and not running and not (folder / ENDED).exists():
            raise DeploymentError(f"the run's process died; {submission.resume_hint(folder)}")
        if not began and monotonic() > until:
            raise DeploymentError(
                f"no process took the run up within {PATIENCE:g} s; is the executor of the coordinator running? "
                f"See to it, then {submission.resume_hint(folder)}"
            )
        sleep(LOOK)  # two processes, one file between them


def wait_until_ready(home: Path, folder: Path, say: Callable[[str], None]) -> None:
    """Wait for a coordinator that is being started. Raises DeploymentError unless it runs and knows all its members,
    or if the run in this folder was stopped meanwhile."""
    superlink, until, said = flower_cli.address(home), monotonic() + PATIENCE, False
    while not (there := coordinator_process.listening(*superlink)) or coordinator_process.members_pending(home):
        if monotonic() > until:
            lacks = "has not taken up its members" if there else f"does not listen at {superlink[0]}:{superlink[1]}"
            raise DeploymentError(f"the coordinator {lacks}; is `gotong coordinator home={home}` running?")
        if not said:
            say(f"waiting up to {PATIENCE:g} s for the coordinator in {home} to be ready")
            said = True
        stopping.check(folder)
        sleep(LOOK)
    if not members.members(home):
        raise DeploymentError("no node is enrolled; run `gotong keys enrol from=FILE` for every node")


def _agrees(home: Path, number: int) -> None:
    """Flower must say the same: its status follows the process's own word by a moment."""
    until = monotonic() + PATIENCE
    while True:
        status, details = flower_cli.status(home, number)
        if status.startswith("finished"):
            break
        if monotonic() > until:
            raise DeploymentError(f"the run ended, but Flower says {status!r}")
        sleep(LOOK)
    if status != "finished:completed":
        raise DeploymentError(f"the run says it completed, Flower says {status}: {details}")


def _repeat(path: Path, at: int, say: Callable[[str], None]) -> int:
    """Say the whole lines after byte `at`; returns where they end."""
    if not path.exists():
        return at
    with path.open("rb") as file:
        file.seek(at)
        lines, _, _ = file.read().rpartition(b"\n")
    if not lines:
        return at
    for line in lines.decode("utf-8", "replace").split("\n"):
        say(line)
    return at + len(lines) + 1
