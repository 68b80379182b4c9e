"""What is written down of every month: which steps of a cycle began and ended, when, and with what result.

RUNS/cycles/REGION-TASK/2026-11.json    one month; replaced whole after every step
RUNS/cycles/REGION-TASK/lock            held by the process that works on it
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from federation.errors import CheckpointError, GotongError
from federation.settings.schema import Settings
from tasks.files.atomic import write_atomically
from tasks.files.locking import try_lock

FOLDER, LOCK = "cycles", "lock"
AGREE, TRAIN, GATE, PROMOTE, EXPORT, ISSUE = STEPS = ("agree", "train", "gate", "promote", "export", "issue")
# What the result of a step that ended must hold, for later steps and readers.
NEEDED = {
    AGREE: ("ends", "said", "champion"),
    GATE: ("promote", "reason", "champion", "keep"),
    EXPORT: ("file",),
    ISSUE: ("issued",),
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """began, ended: UTC, ISO 8601; ended is empty until it did. result: what later steps and readers need of it.

    failed: the error of the last try, empty where there was none.
    """

    began: str
    ended: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One month of a region and task. run: the name of its run. superseded: the newer month that took its place."""

    region: str
    task: str
    month: str
    run: str
    steps: Mapping[str, Step] = field(default_factory=dict)
    superseded: str = ""

    @property
    def step(self) -> str:
        """The step that is under way or next; empty once all have ended."""
        if self.superseded:
            return ""
        return next((name for name in STEPS if name not in self.steps or not self.steps[name].ended), "")

    def result(self, step: str) -> Mapping[str, Any]:
        """Of a step that ended."""
        return self.steps[step].result

    def with_step(self, name: str, step: Step) -> "Cycle":
        """The cycle with this step as it is now."""
        return replace(self, steps={**self.steps, name: step})


def name_of(settings: Settings, month: str) -> str:
    """Of a month's run, so that a cycle that is begun again finds it."""
    return f"{settings.region.name}-{settings.task.name}-{month}"


def folder_of(runs: Path, region: str, task: str) -> Path:
    """Where the cycles of a region and task are written down."""
    return runs / FOLDER / f"{region}-{task}"


def write(folder: Path, cycle: Cycle) -> None:
    """Raises OSError where the disk refuses."""
    write_atomically(folder / f"{cycle.month}.json", json.dumps(asdict(cycle), indent=1).encode())


def read_all(folder: Path) -> list[Cycle]:
    """Every month, the oldest first. Raises CheckpointError for a file that is not as it was written."""
    return [_read(path) for path in sorted(folder.glob("*.json"))]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the cycles of a region and task until the block or the process ends. Raises GotongError if another does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        if not try_lock(file):
            raise GotongError(f"a cycle of {folder.name} runs in another process; gotong cycle status shows its step")
        yield


def in_progress(folder: Path) -> bool:
    """Whether a process works on the cycles of this folder."""
    if not (folder / LOCK).exists():
        return False
    with (folder / LOCK).open("rb") as file:
        return not try_lock(file, shared=True)


def now() -> str:
    """UTC, ISO 8601, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read(path: Path) -> Cycle:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        steps = {name: Step(**step) for name, step in values["steps"].items() if name in STEPS}
        for name, keys in NEEDED.items():
            if name in steps and steps[name].ended and (missing := set(keys) - set(steps[name].result)):
                raise ValueError(f"step {name} has no {', '.join(sorted(missing))}")
        return Cycle(**{**values, "steps": steps})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path} is not as it was written ({error}); restore it, or remove it: its month is then "
                              f"done again from the runs that are there") from None  # fmt: skip
