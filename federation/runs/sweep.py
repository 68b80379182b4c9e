"""Many runs by one command, one after another; with sweep=NAME the same command again continues where it stopped."""

import json
import shutil
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from pathlib import Path

from federation.composition.compose import Job
from federation.composition.restore import check, flat
from federation.errors import ConfigError, GotongError
from federation.runs import folder as run_folder
from federation.runs.operational import CUTS
from federation.runs.run import saved
from federation.settings.schema import AUTO, Settings
from federation.settings.values import plain
from federation.tracking.run_state import state
from tasks.errors import TaskError

NOT_LEARNT = ("name", "sweep", "runs", "out", "resume", "tracking")  # keys that do not change what is learnt


def sweep(jobs: Sequence[Job[Settings]], run_one: Callable[[Settings], object]) -> None:
    """Do every run that is not finished. run_one: begins a run, or resumes the one that settings.resume names.

    Raises ConfigError before the first run for a mistake in any of them, and what stops a run, with how to go on.
    """
    same = set.intersection(*(set(job.varied) for job in jobs))
    runs = [_with_name(job, same) for job in jobs]
    name = runs[0].sweep
    for settings in runs:
        check(settings)
        _check_run(settings)
    finished = sum(is_finished(settings) for settings in runs)
    print(f"sweep {name or 'without a name'}: {len(runs)} runs, {finished} of them finished before")
    for number, settings in enumerate(runs, start=1):
        where = f"[{number}/{len(runs)}] {settings.name or ' '.join(jobs[number - 1].varied)}"
        if is_finished(settings):
            print(f"{where}: finished before")
            continue
        checkpoint = _checkpoint_of(settings)
        print(f"{where}: continues after round {checkpoint[0]}" if checkpoint else where)
        try:
            run_one(replace(settings, resume=settings.name) if checkpoint else settings)
        except (GotongError, TaskError) as error:
            again = "the same command continues" if name else "a sweep with sweep=NAME could be continued"
            raise type(error)(f"run {number} of {len(runs)} stopped: {error}; {number - 1} are done, {again}") from None
    print(f"sweep {name or 'without a name'}: all {len(runs)} runs are finished; see them with gotong compare")


def _with_name(job: Job[Settings], same: Set[str]) -> Settings:
    """The settings with a name that says what varies, so that the same sweep finds its runs again."""
    settings = job.settings
    if settings.sweep is None:
        return settings
    varied = (word for word in job.varied if word not in same)
    words = [word.lstrip("+").replace("=", "-").replace("/", ".").replace(",", ".") for word in varied]
    name = "".join(letter for letter in "_".join([settings.sweep, *words]) if letter.isalnum() or letter in "._-")
    return replace(settings, name=name)


def _check_run(settings: Settings) -> None:
    """Raise ConfigError for a key that only one run may have, and for a run that began with other settings."""
    if settings.sweep is None and settings.name is not None:
        raise ConfigError(f"name={settings.name} can name one run only; give the sweep a name: sweep={settings.name}")
    if settings.out is not None:
        raise ConfigError(
            f"out={settings.out} would be written by every run; leave it out, each run keeps results.json"
        )
    checkpoint = _checkpoint_of(settings)
    if checkpoint is None:
        _remove_unfinished(settings)
        return
    was, now = _relevant_settings(checkpoint[1]), _relevant_settings(settings)
    for key in sorted({*was, *now}):
        if was.get(key) != now.get(key):
            raise ConfigError(
                f"run {settings.name} began with {key}={was.get(key)}, now it is {now.get(key)}; "
                f"choose another name for the sweep"
            )


def continued(settings: Settings) -> Settings:
    """The settings of a run of a named sweep, or of going on with it. Raises ConfigError for other settings."""
    check(settings)
    _check_run(settings)
    return replace(settings, resume=settings.name) if _checkpoint_of(settings) else settings


def is_finished(settings: Settings) -> bool:
    """Whether this run of a named sweep is done."""
    return settings.sweep is not None and state(Path(settings.runs) / str(settings.name)) == "FINISHED"


def _checkpoint_of(settings: Settings) -> tuple[int, Settings] | None:
    """Rounds done and the settings it began with, of a run of a named sweep that has a checkpoint."""
    folder = Path(settings.runs) / str(settings.name)
    if settings.sweep is None or not run_folder.has_checkpoint(folder):
        return None
    began_with, progress, _ = saved(folder)
    return progress.round, began_with


def _remove_unfinished(settings: Settings) -> None:
    """Remove the folder of a run that was killed before its first checkpoint: nothing in it is worth keeping."""
    folder = Path(settings.runs) / str(settings.name)
    if settings.sweep is not None and folder.is_dir():
        with run_folder.locked(folder):
            shutil.rmtree(folder)


def _relevant_settings(settings: Settings) -> dict[str, str]:
    """Dotted key -> value as JSON, of all keys that change what is learnt."""
    values = {key: value for key, value in plain(settings).items() if key not in NOT_LEARNT}
    if settings.data is not None:  # a run keeps the whole path
        values["data"] = str(Path(settings.data).absolute())
    if settings.calendar == AUTO:  # a run keeps the cuts that it found; asked for was how far they lie from one another
        first, second, third = settings.task.calendar.cuts()
        lengths = {"validation": str(second - first), "test": str(third - second)}
        values["task"] = {
            **values["task"],
            "calendar": {**values["task"]["calendar"], **dict.fromkeys(CUTS), **lengths},
        }
    return {key: json.dumps(value) for key, value in flat(values).items()}
