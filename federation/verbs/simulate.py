"""`gotong simulate`: one model over all member states on this machine, beside what each could do alone."""

import resource
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

from rich.console import Console

from federation.composition.compose import jobs
from federation.composition.restore import check
from federation.coordinator import checkpoint
from federation.coordinator.incidents import Faults
from federation.coordinator.reply_summary import by_country
from federation.coordinator.rounds import Outcome
from federation.coordinator.state import Report, Watch
from federation.errors import ConfigError
from federation.reporting import rows as table_rows
from federation.reporting import score_table, warning_table
from federation.runs import folder as run_folder
from federation.runs import pooled_arm, regional_differences, simulation
from federation.runs.progress_bar import Screen
from federation.runs.simulation import Simulation
from federation.runs.sweep import sweep
from federation.settings.schema import POOLED, Settings
from federation.tracking.run_tracker import TrackedRun
from federation.tracking.tracker import Tracker
from federation.training import sequential
from federation.training.device import cpu_seconds, device_of
from tasks.registry import TASKS
from tasks.settings import UNALIGNED, TaskSettings

WITH_RESUME = ("resume", "runs", "out")  # all else comes from the checkpoint


def run(words: Sequence[str]) -> None:
    """Start a run, or go on with one."""
    if any(word.lstrip("+").startswith("resume=") for word in words):
        for word in words:
            key = word.split("=")[0].lstrip("+")
            if key not in WITH_RESUME and not word.startswith("-"):
                raise ConfigError(
                    f"resume takes the settings from the checkpoint; leave out {word}, or start a new run"
                )
    found = jobs("simulate", words, Settings)
    if len(found) > 1 or any(job.settings.sweep for job in found):
        sweep(found, simulate)
    else:
        for job in found:
            simulate(job.settings)


def simulate(settings: Settings) -> None:
    """One run from settings. Raises GotongError or TaskError with the run's checkpoint, ledger and tracking intact."""
    check(settings)
    began = perf_counter()
    if settings.resume is not None:
        folder = run_folder.existing(settings.runs, settings.resume)
        with run_folder.locked(folder):
            go(simulation.resume(settings.runs, folder), settings.out, began)
        return
    folder = run_folder.create(settings)
    with run_folder.locked(folder):
        with _removed_if_unused(folder):
            ready = simulation.prepare(settings, folder)
        go(ready, settings.out, began)


@contextmanager
def _removed_if_unused(folder: Path) -> Iterator[None]:
    """A run that never began leaves nothing behind."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # other runs lie there
            folder.parent.rmdir()
        raise


class Watching:
    """The screen and the tracker of a run."""

    def __init__(self, screen: Screen, tracked: TrackedRun) -> None:
        self._screen, self._tracked = screen, tracked

    def round(self, report: Report) -> None:
        """A round was aggregated."""
        self._screen.round(report)
        self._tracked.round(report)

    def flush(self) -> int:
        """What was tracked is on the disk; its length."""
        return self._tracked.flush()

    def commit(self) -> None:
        """What was tracked may be sent."""
        self._tracked.commit()


def go(
    ready: Simulation,
    out: str | None,
    began: float,
    rounds: Callable[[Simulation, Watch], Outcome] = simulation.run,
    console: Console | None = None,
) -> None:
    """Run, follow and keep what comes of it. rounds: a deployment puts its own grid behind the same rounds."""
    task = TASKS[ready.settings.task.name]
    headline = next(iter(task.scores))
    region, busy = ready.federation.region, cpu_seconds()
    with Screen(ready.federation.plan.rounds, headline, region, console) as screen:
        for note in ready.notes:
            screen.say(note)
        tracker = Tracker(ready.folder, ready.settings.tracking, runs=Path(ready.settings.runs), warn=screen.say)
        faults = Faults(ready.folder, ready.progress.round)
        tracked = TrackedRun(tracker, ready.settings, ready.federation, faults)
        with tracked.following(ready.progress.tracked):
            outcome = rounds(ready, Watching(screen, tracked))
            outcome = _with_what_a_simulation_sees(ready, outcome)
            cost = {
                "seconds": perf_counter() - began,
                "cpu_seconds": cpu_seconds() - busy + ready.reading,
                "peak_mib": _peak(),
            }
            tracked.finish(outcome, _keep(ready, outcome, out, headline), cost)
    _tell(screen, ready, outcome, faults, headline, began)


def _with_what_a_simulation_sees(ready: Simulation, outcome: Outcome) -> Outcome:
    """With the pooled arm, if it was asked for, and with differences in the region; between countries as it is."""
    vaults, plan, region = list(ready.vaults.values()), ready.federation.plan, ready.federation.region
    if POOLED in ready.settings.arms:
        settings = ready.settings
        train = partial(sequential.run, device=device_of(settings.device), precision=settings.precision)
        more = pooled_arm.rows(vaults, plan, region, train)
        excluded = [row for row in more if row.part == table_rows.EXCLUDED_PERIOD]
        rows = (*outcome.rows, *table_rows.of_test(more))
        outcome = replace(outcome, rows=rows, excluded=(*outcome.excluded, *excluded))
    if ready.settings.region.facilities:  # they tell no differences
        return outcome
    return replace(
        outcome, paired=(*outcome.paired, *regional_differences.rows(vaults, ready.federation.run, plan, region))
    )


def _keep(ready: Simulation, outcome: Outcome, out: str | None, headline: str) -> tuple[Path, ...]:
    """Write the table as JSON, the picture, and where there are warnings their reliability; returns the files."""
    checkpoint.save_model(ready.folder, ready.federation.run, outcome.model)
    table, rows = ready.folder / table_rows.RESULTS, (*outcome.rows, *outcome.paired, *outcome.excluded)
    table_rows.write_json(rows, table)
    if out is not None:
        table_rows.write_json(rows, Path(out))
    picture = ready.folder / "report.png"
    better = TASKS[ready.settings.task.name].scores[headline].better
    score_table.picture(outcome.rows, picture, headline=headline, title=_title(ready), better=better)
    return (table, picture, *_reliability(ready, outcome))


def _reliability(ready: Simulation, outcome: Outcome) -> tuple[Path, ...]:
    task, settings = TASKS[ready.settings.task.name], ready.settings.task
    if task.event is None or not outcome.curves:
        return ()
    points, drawn = ready.folder / "reliability.csv", ready.folder / "reliability.png"
    table_rows.write_points(outcome.curves, points)
    first, (event, _) = task.horizons(settings)[0], _event(settings)
    title = f"Probability of {event}, {first}"
    warning_table.picture(outcome.curves, drawn, title=title, region=ready.federation.region, horizon=first)
    return points, drawn


def _tell(screen: Screen, ready: Simulation, outcome: Outcome, faults: Faults, headline: str, began: float) -> None:
    better = TASKS[ready.settings.task.name].scores[headline].better
    screen.console.print(score_table.table(outcome.rows, headline=headline, title=_title(ready), better=better))
    if outcome.excluded:
        title = _title(ready, excluded=True)
        screen.console.print(score_table.table(outcome.excluded, headline=headline, title=title, better=better))
    for line in score_table.verdict(outcome.rows, headline, better, outcome.paired):
        screen.say(line)
    _warned(screen, ready.settings, outcome)
    for line in faults.lines():
        screen.say(line)
    for summary in by_country(outcome.summaries):
        if summary.refused:
            screen.say(summary.refused)
        if f"test/federated/{headline}/{_horizons(ready)}" in summary.withheld:
            screen.say(f"{summary.country}: its vault withholds scores of too few place-periods or events.")
    screen.say(f"\n{perf_counter() - began:.0f} s, {_peak():,.0f} MiB at most. Picture: {ready.folder / 'report.png'}")
    runs = "" if ready.settings.runs == "runs" else f" runs={ready.settings.runs}"
    screen.say(f"All runs in MLflow: gotong ui{runs}")


def _warned(screen: Screen, settings: Settings, outcome: Outcome) -> None:
    """How good the warnings were, where the task has any."""
    task = TASKS[settings.task.name]
    if task.event is None:
        return
    event, prefix = _event(settings.task)
    first = task.horizons(settings.task)[0]
    sheet = warning_table.table(
        outcome.rows, event=event, prefix=prefix, cost_loss=settings.task.cost_loss, horizon=first
    )
    if sheet is not None:
        screen.console.print(sheet)


def _event(settings: TaskSettings) -> tuple[str, str]:
    """What is warned of, in words that no picture can be taken without, and the prefix of its scores."""
    named = TASKS[settings.name].event
    assert named is not None, "this task warns of something"
    event, prefix = named(settings)
    return f"{event} ({UNALIGNED})" if settings.calendar.unaligned else event, prefix


def _peak() -> float:
    """Most memory this process held, in MiB; of forks that train no more than they share with it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _horizons(ready: Simulation) -> int:
    """How many there are, which is the number of the row for all of them together."""
    return len(TASKS[ready.settings.task.name].horizons(ready.settings.task))


def _title(ready: Simulation, *, excluded: bool = False) -> str:
    task, calendar = TASKS[ready.settings.task.name], ready.settings.task.calendar
    tested = f"excluded period: {' to '.join(calendar.excluded_period)}" if excluded else calendar.tested()
    return f"{task.title(ready.settings.task)}: {tested}"
