"""How runs ended: read from their own folders, and set in MLflow where a killed process could not."""

import time
from pathlib import Path

from federation.errors import TrackingError, one_line
from federation.settings.parts import TrackingSettings
from federation.tracking import spool
from federation.tracking.run_info import FOLDER
from federation.tracking.store import Store, address, connect, database, search
from tasks.files.locking import try_lock

LOCK = "lock"  # held in a run's folder as long as a process works in it


def state(folder: Path) -> str:
    """RUNNING while a process works in the folder, else what the run said last, or KILLED if it could say nothing."""
    if _held(folder / LOCK):
        return "RUNNING"
    last = "KILLED"
    for record in spool.read_all(folder / spool.NAME):
        last = record["status"] if record["do"] == "end" else "KILLED"
    return last


def mark_dead(runs: Path, settings: TrackingSettings) -> list[str]:
    """Give every MLflow run that says RUNNING, but in whose folder nobody works, its true status; their folders' names.

    Runs of a tracking server whose folder is not here are left alone: they may run on another machine.
    Raises TrackingError.
    """
    file = database(address(settings, runs))
    if file and not file.exists():
        return []
    try:
        return _mark(connect(settings, runs), runs, here=bool(file))
    except Exception as error:  # HTTP, SQL, disk: MLflow raises what its layers raise
        raise TrackingError(f"the experiments cannot be opened: {one_line(error)}") from error


def _mark(store: Store, runs: Path, *, here: bool) -> list[str]:
    marked: dict[str, str] = {}
    for run in search(store, "attributes.status = 'RUNNING'"):
        name = run.data.tags.get(FOLDER)
        if not name or not ((runs / name).is_dir() or here):
            continue
        status = marked.get(name) or state(runs / name)
        if status != "RUNNING":
            store.client.set_terminated(run.info.run_id, status=status, end_time=time.time_ns() // 1_000_000)
            marked[name] = status
    return sorted(marked)


def _held(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            return not try_lock(file, shared=True)
    except OSError:
        return False
