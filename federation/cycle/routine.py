"""A region's month, step by step: agree, train, gate, promote, export, issue. Each is written down as it ends.

A cycle that was killed is done again from the step that had not ended; every step may be repeated. The names of its
runs follow from region, task and month, so that what was trained is found. The month is the newest that most countries
report; a newer one takes the place of a month that is not yet trained.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from federation.cycle import gate, record
from federation.cycle.record import AGREE, EXPORT, GATE, ISSUE, PROMOTE, TRAIN, Cycle, Step
from federation.cycle.region import Region
from federation.errors import GotongError
from federation.runs.operational import FOLD, resolved, unlike_ends
from federation.runs.pair import run_pair
from federation.settings.schema import LATEST, OPERATIONAL, Settings
from tasks.errors import TaskError

CHAMPION = "champion"  # as start_from: the refit begins with the champion's weights
Say = Callable[[str], None]


def cycle(settings: Settings, region: Region, say: Say, harm: float) -> str:
    """Do what is left of a region's months; one line that says what came of it.

    settings: of the runs, operational. Raises GotongError or TaskError; the same command goes on where it stopped.
    """
    folder = record.folder_of(Path(settings.runs), settings.region.name, settings.task.name)
    with record.locked(folder):
        trained = next((each for each in record.read_all(folder) if each.step not in ("", AGREE, TRAIN)), None)
        done = None if trained is None else _finish(folder, trained, settings, region, say, harm)
        known = record.read_all(folder)
        agreed = _agree(settings, region, known)
        if agreed is None:
            return _nothing_to_do(known) if done is None else _summary(done)
        for each in known:
            if each.step and each.month != agreed.month:
                record.write(folder, replace(each, superseded=agreed.month))
        return _summary(_finish(folder, agreed, settings, region, say, harm))


def _agree(settings: Settings, region: Region, known: Sequence[Cycle]) -> Cycle | None:
    """The month that most countries report, and whom it is compared with; None where it is done, or an older one.

    Raises ConfigError where the champion is of another recipe than these settings, or of a later month.
    """
    began, ends = record.now(), dict(region.ends(settings))
    month = str(resolved(replace(settings, until=settings.until or LATEST), ends).until)
    if any(each.month >= month and not each.step and not each.superseded for each in known):
        return None
    before = next((each for each in known if each.month == month and each.step), None)
    if before is not None:
        return before
    result = {
        "ends": ends,
        "said": [f"{_reporting(ends, month)} report {month}", *unlike_ends(ends, month, settings.task.calendar.step)],
        "champion": gate.champion_to_meet(settings, month),
    }
    return Cycle(
        region=settings.region.name,
        task=settings.task.name,
        month=month,
        run=record.name_of(settings, month),
        steps={AGREE: Step(began=began, ended=record.now(), result=result)},
    )


def _reporting(ends: Mapping[str, str], month: str) -> str:
    return f"{sum(end >= month for end in ends.values())} of {len(ends)} countries"


def _finish(folder: Path, cycle: Cycle, settings: Settings, region: Region, say: Say, harm: float) -> Cycle:
    """The cycle with all its steps ended."""
    titles = f"{cycle.region} {cycle.task} {cycle.month}"
    for line in cycle.result(AGREE)["said"]:
        say(f"{titles}: {line}")
    works: dict[str, Callable[[Cycle], Mapping[str, Any]]] = {
        TRAIN: lambda now: _train(now, settings, region),
        GATE: lambda now: gate.decide(now, settings, harm),
        PROMOTE: lambda now: gate.promote(now, settings),
        EXPORT: lambda _: {"file": str(region.export(settings))},
        ISSUE: lambda now: {"issued": dict(region.issue(settings, Path(now.result(EXPORT)["file"])))},
    }
    record.write(folder, cycle)
    for name, work in works.items():
        if name not in cycle.steps or not cycle.steps[name].ended:
            say(f"{titles}: {name}")
            cycle = _step(folder, cycle, name, work)
    return cycle


def _step(folder: Path, cycle: Cycle, name: str, work: Callable[[Cycle], Mapping[str, Any]]) -> Cycle:
    """One step, written down before it begins, after it ended, and where it fails."""
    begun = replace(cycle.steps.get(name, Step(began=record.now())), failed="")
    record.write(folder, cycle.with_step(name, begun))
    try:
        result = work(cycle)
    except (GotongError, TaskError) as error:
        record.write(folder, cycle.with_step(name, replace(begun, failed=f"{record.now()} {error}")))
        raise
    cycle = cycle.with_step(name, replace(begun, ended=record.now(), result=result))
    record.write(folder, cycle)
    return cycle


def _train(cycle: Cycle, settings: Settings, region: Region) -> Mapping[str, Any]:
    """The fold and the refit of the month, or what is left of them."""
    champion = cycle.result(AGREE)["champion"]
    start = settings.start_from
    pair = replace(
        settings,
        purpose=OPERATIONAL,
        until=cycle.month,
        champion=champion or None,
        start_from=(champion or None) if start == CHAMPION else start,
        resume=cycle.run,
    )
    run_pair(pair, region.run)
    return {"runs": [f"{cycle.run}{FOLD}", cycle.run]}


def _nothing_to_do(known: Sequence[Cycle]) -> str:
    last = [each for each in known if not each.superseded][-1]
    return f"{last.region} {last.task}: nothing to do; {last.month} is done, and most countries report no later month"


def _summary(cycle: Cycle) -> str:
    """One line for a timer's log."""
    gated, issued = cycle.result(GATE), cycle.result(ISSUE)["issued"]
    became = "is champion" if gated["promote"] else f"is not promoted, the champion stays {gated['champion']}"
    without = [country for country, each in sorted(issued.items()) if not each["issue"]]
    products = f"; issued in {len(issued) - len(without)} of {len(issued)} countries" if issued else ""
    products += f", not {', '.join(without)}" if without else ""
    keep = ", ".join(gated["keep"])
    kept = f"; worse for certain in {keep}, where the one before is kept" if keep else ""
    return f"{cycle.region} {cycle.task} {cycle.month}: run {cycle.run} {became}: {gated['reason']}{kept}{products}"
