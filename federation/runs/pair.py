"""An operational run from start to end: the fold, then the refit. Killed anywhere, it goes on with resume=NAME."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from federation.errors import ConfigError
from federation.runs import folder as run_folder
from federation.runs.operational import FOLD, refit_of
from federation.runs.run import saved
from federation.settings.schema import OPERATIONAL, Settings
from federation.tracking.run_state import state


def is_pair(settings: Settings) -> bool:
    """Whether a command begins an operational run, or resumes one by the name of its refit."""
    if settings.resume is None:
        return settings.purpose == OPERATIONAL
    return run_folder.has_checkpoint(Path(settings.runs) / f"{settings.resume}{FOLD}")


def run_pair(settings: Settings, run_one: Callable[[Settings], object]) -> None:
    """Do what is left of both runs. run_one: begins a run, or resumes the one that settings.resume names.

    Raises ConfigError for a name that is taken, and what ends a run; the same with resume=NAME goes on.
    """
    name, runs = settings.resume or run_folder.name_of(settings), Path(settings.runs)
    if settings.resume is None and any((runs / each).exists() for each in (name, f"{name}{FOLD}")):
        raise ConfigError(f"a run {name} exists in {settings.runs}; choose another name, or resume={name}")
    fold = runs / f"{name}{FOLD}"
    _end(fold, settings, run_one)
    began_with, _, _ = saved(fold, runs=settings.runs, out=settings.out)
    _end(runs / name, refit_of(began_with, name), run_one)


def _end(folder: Path, settings: Settings, run_one: Callable[[Settings], object]) -> None:
    begun = run_folder.has_checkpoint(folder) or (folder.is_dir() and run_folder.is_locked(folder))
    if not begun:
        if folder.is_dir():  # killed before its first checkpoint: nothing in it is worth keeping
            with run_folder.locked(folder):
                shutil.rmtree(folder)
        run_one(replace(settings, name=folder.name, resume=None))
    elif state(folder) == "FINISHED":
        print(f"{folder.name}: finished before")
    else:
        run_one(replace(settings, name=None, resume=folder.name))
