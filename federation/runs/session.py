"""The one driver of every run: its stages in order, whoever started it and wherever its vaults are."""

import os
import resource
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol

from rich.console import Console

from federation.coordinator.incidents import Faults
from federation.coordinator.state import Outcome, Report, Watch
from federation.errors import ConfigError, GotongError, one_line
from federation.pages import run_page
from federation.reporting.energy import Energy
from federation.runs import report
from federation.runs.energy import metered
from federation.runs.progress_bar import ProgressBar
from federation.runs.run import Run
from federation.settings.schema import Settings
from federation.tracking.run_tracker import TrackedRun
from federation.tracking.tracker import Tracker
from federation.training.device import cpu_seconds
from tasks.errors import TaskError


class Environment(Protocol):
    """A run that is ready, and the way to its vaults: in this process, by Flower's engine, or on other machines."""

    @property
    def run(self) -> Run:
        """What every run has."""

    def rounds(self, watch: Watch) -> Outcome:
        """All rounds that are left, then the test. Raises QuorumError; the last checkpoint stands."""

    def with_regional_rows(self, outcome: Outcome) -> Outcome:
        """The outcome with rows that need the records of several countries; unchanged where nobody holds them."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that ended well. files: its table and pictures, in `run.folder`. seconds: how long it took."""

    run: Run
    outcome: Outcome
    files: tuple[Path, ...]
    seconds: float


def _check_out(out: str | None) -> None:
    """Raise ConfigError for an `out` that no table can be written to, before anything is trained."""
    if not out:
        return
    path = Path(out)
    if path.is_dir():
        raise ConfigError(f"out={out} is a folder; name a file in it, such as out={path / 'results.json'}")
    if path.exists() and not path.is_file():
        raise ConfigError(f"out={out} is no regular file; name another one")
    folder = next(each for each in path.absolute().parents if each.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ConfigError(f"out={out} cannot be written: {folder} is no folder that you may write to; name another one")


def conduct(prepare: Callable[[], Environment], out: str | None = None, console: Console | None = None) -> Finished:
    """A run from its preparation to its report, in a folder that the caller has locked.

    prepare: makes a new run, or reads the checkpoint of one. out: a further file for the table of scores.
    Raises GotongError or TaskError with the run's checkpoint, ledger and tracking intact.
    """
    began, busy = perf_counter(), cpu_seconds()
    _check_out(out)
    environment = prepare()
    run = environment.run
    with ProgressBar(run.federation.plan.rounds, run.headline, run.federation.region, console) as progress_bar:
        for note in run.notes:
            progress_bar.say(note)
        incidents = Faults(run.folder, run.progress.round)
        tracker = Tracker(run.folder, run.settings.tracking, runs=Path(run.settings.runs), warn=progress_bar.say)
        tracked = TrackedRun(tracker, run.settings, run.federation, incidents)
        with metered(run.settings.energy) as meter, tracked.following(run.progress.tracked_bytes):
            outcome = environment.rounds(Followers(progress_bar, tracked))
            outcome = environment.with_regional_rows(outcome)
            tracked.results(outcome)
            files = report.write_results(run, outcome, out)
            used = None if meter is None else meter.stop()
            tracked.finish(outcome, files, _cost(began, busy, used))
            tracked.energy(None if used is None else used.text())
            tracked.commit()  # the page is made of what was tracked, and meanwhile it is sent
            tracked.attach(_pages(run, progress_bar))
        seconds = perf_counter() - began
    report.print_results(progress_bar, run, outcome, incidents)
    progress_bar.say(f"\n{seconds:.0f} s, {_peak_mib():,.0f} MiB at most. Picture: {run.folder / report.PICTURE}")
    if used is not None:
        progress_bar.say(used.line())
    progress_bar.say(f"What came out, as a page: {run.folder / run_page.PAGE}")
    if run.settings.tracking.name == "mlflow":
        progress_bar.say(f"All runs in MLflow: {_where(run.settings)}")
    return Finished(run=run, outcome=outcome, files=files, seconds=seconds)


class Followers:
    """The progress bar and the tracker of a run."""

    def __init__(self, progress_bar: ProgressBar, tracked: TrackedRun) -> None:
        self._progress_bar, self._tracked = progress_bar, tracked

    def round(self, report: Report) -> None:
        """A round was aggregated."""
        self._progress_bar.round(report)
        self._tracked.round(report)

    def flush(self) -> int:
        """What was tracked is on the disk; its length."""
        return self._tracked.flush()

    def commit(self) -> None:
        """What was tracked may be sent."""
        self._tracked.commit()


def _pages(run: Run, progress_bar: ProgressBar) -> tuple[Path, ...]:
    """The run's report and its page. A run of hours does not fail for want of them: they can be made again."""
    try:
        return run_page.write(run.folder)
    except (OSError, GotongError, TaskError) as error:
        words = [
            f"run={run.folder.name}",
            *([] if run.folder.parent == Path("runs") else [f"runs={run.folder.parent}"]),
        ]
        later = shlex.join(["gotong", "report", *words])
        progress_bar.say(f"no page was written ({one_line(error)}); later: {later}")
        return ()


def _where(settings: Settings) -> str:
    """The address of MLflow's own pages, or the command that serves them."""
    if settings.tracking.uri and not settings.tracking.uri.startswith("sqlite:"):
        return settings.tracking.uri
    keys = {"runs": settings.runs, "tracking.uri": settings.tracking.uri}
    words = [f"{key}={value}" for key, value in keys.items() if value not in ("", "runs")]
    return shlex.join(["gotong", "ui", *words])


def _cost(began: float, busy: float, used: Energy | None) -> dict[str, float]:
    time = {"seconds": perf_counter() - began, "cpu_seconds": cpu_seconds() - busy, "peak_mib": _peak_mib()}
    return time | ({} if used is None else used.metrics())


def _peak_mib() -> float:
    """Most memory this process held; forks that train hold no more than they share with it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
