"""A region's months for a person: which step, since when, and what came of it."""

from collections.abc import Iterator
from pathlib import Path

from federation.cycle import record
from federation.cycle.record import GATE, ISSUE, STEPS, Cycle


def lines(runs: Path, months: int) -> Iterator[str]:
    """The newest months of every region and task. Raises CheckpointError for a file that is not as it was written."""
    folders = [path for path in sorted((runs / record.FOLDER).glob("*")) if path.is_dir()]
    if not folders:
        yield f"no cycle in {runs}; begin with gotong cycle task=NAME data=DIR, or home=coordinator"
    for folder in folders:
        running, known = record.in_progress(folder), record.read_all(folder)
        if running and not any(each.step for each in known):
            yield f"{folder.name}: agree, the countries are asked which months they report"
        for cycle in reversed(known[-months:] if months > 0 else []):
            yield f"{cycle.region} {cycle.task} {cycle.month}: {_standing(cycle, running)}"


def _standing(cycle: Cycle, running: bool) -> str:
    if cycle.superseded:
        return f"left for {cycle.superseded}, which came before it was trained"
    if not cycle.step:
        gate = cycle.result(GATE)
        became = "is champion" if gate["promote"] else "is not promoted"
        return f"done {_minute(cycle.steps[ISSUE].ended)}, run {cycle.run} {became}: {gate['reason']}"
    step = cycle.steps.get(cycle.step)
    of = f"{cycle.step} (step {STEPS.index(cycle.step) + 1} of {len(STEPS)})"
    if step is None:
        return f"{of} is next; gotong cycle goes on"
    since = f"{of} since {_minute(step.began)}"
    if step.failed:
        at, _, why = step.failed.partition(" ")
        return f"{since}, failed {_minute(at)}: {why}"
    return since if running else f"{since}, was broken off; gotong cycle goes on"


def _minute(at: str) -> str:
    return f"{at[:16].replace('T', ' ')} UTC"
