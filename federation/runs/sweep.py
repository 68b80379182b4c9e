"""Many runs by one command, one after another; with sweep=NAME the same command again goes on where it was."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from federation.composition.compose import Job
from federation.composition.restore import check, restore
from federation.coordinator import checkpoint
from federation.errors import ConfigError, GotongError
from federation.runs import folder as run_folder
from federation.settings.schema import Settings
from federation.settings.values import plain
from federation.tracking.run_state import state
from tasks.errors import TaskError

ELSEWHERE = ("name", "sweep", "runs", "out", "resume", "tracking")  # keys that change nothing of what is learnt


def sweep(jobs: Sequence[Job[Settings]], one: Callable[[Settings], None]) -> None:
    """Do what is not done. one: begins a run, or goes on with the one that settings.resume names.

    Raises ConfigError before the first run for a mistake in any of them, and what stops a run, with how to go on.
    """
    same = set.intersection(*(set(job.varied) for job in jobs))
    runs = [_named(job, same) for job in jobs]
    name = runs[0].sweep
    for settings in runs:
        check(settings)
        _fits(settings)
    before = sum(_done(settings) for settings in runs)
    print(f"sweep {name or 'without a name'}: {len(runs)} runs, {before} of them done before")
    for number, settings in enumerate(runs, start=1):
        where = f"[{number}/{len(runs)}] {settings.name or ' '.join(jobs[number - 1].varied)}"
        if _done(settings):
            print(f"{where}: done before")
            continue
        begun = _begun(settings)
        print(f"{where}: goes on after round {begun[0]}" if begun else where)
        try:
            one(replace(settings, resume=settings.name) if begun else settings)
        except (GotongError, TaskError) as error:
            again = "the same command goes on" if name else "give the next one sweep=NAME, to be able to go on with it"
            raise type(error)(f"run {number} of {len(runs)} stopped: {error}; {number - 1} are done, {again}") from None
    print(f"sweep {name or 'without a name'}: all {len(runs)} runs are done; see them with gotong compare")


def _named(job: Job[Settings], same: Set[str]) -> Settings:
    """The settings with a name that says what varies, so that the same sweep finds its runs again."""
    settings = job.settings
    if settings.sweep is None:
        return settings
    varied = (word for word in job.varied if word not in same)
    words = [word.lstrip("+").replace("=", "-").replace("/", ".").replace(",", ".") for word in varied]
    name = "".join(letter for letter in "_".join([settings.sweep, *words]) if letter.isalnum() or letter in "._-")
    return replace(settings, name=name)


def _fits(settings: Settings) -> None:
    """Raise ConfigError for what one run may say and many may not, and for a run that began as something else."""
    if settings.sweep is None and settings.name is not None:
        raise ConfigError(f"name={settings.name} can name one run only; give the sweep a name: sweep={settings.name}")
    if settings.out is not None:
        raise ConfigError(
            f"out={settings.out} would be written by every run; leave it out, each run keeps results.json"
        )
    begun = _begun(settings)
    if begun is None:
        _clear(settings)
        return
    was = dict(_flat({key: value for key, value in plain(begun[1]).items() if key not in ELSEWHERE}))
    now = dict(_flat({key: value for key, value in plain(settings).items() if key not in ELSEWHERE}))
    for key in sorted({*was, *now}):
        if was.get(key) != now.get(key):
            raise ConfigError(
                f"run {settings.name} began with {key}={was.get(key)}, now it is {now.get(key)}; "
                f"choose another name for the sweep"
            )


def _done(settings: Settings) -> bool:
    return settings.sweep is not None and state(Path(settings.runs) / str(settings.name)) == "FINISHED"


def _begun(settings: Settings) -> tuple[int, Settings] | None:
    """Rounds done and the settings it began with, of a run of a named sweep that is there."""
    path = Path(settings.runs) / str(settings.name) / checkpoint.FILE
    if settings.sweep is None or not path.exists():
        return None
    progress, header = checkpoint.load(path)
    return progress.round, restore(Settings, header["settings"], "checkpoint")


def _clear(settings: Settings) -> None:
    """A run that was killed before its first checkpoint leaves a folder in which nothing is worth keeping."""
    folder = Path(settings.runs) / str(settings.name)
    if settings.sweep is not None and folder.is_dir():
        with run_folder.locked(folder):
            shutil.rmtree(folder)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value)
