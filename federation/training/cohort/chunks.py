"""How jobs are cut into chunks that train in one step."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from federation.training.jobs import Job, steps_in

SMALL_CHUNK = 2  # with one or two clients a vmapped step is slower than plain ones


@dataclass(frozen=True, kw_only=True)
class ChunkPlan:
    """Everything that decides in which order numbers are added, as plain values: the same plan gives the same bits.

    chunk: most clients in one step; 1 trains one client after another.
    workers: processes that train chunks at the same time; the result does not depend on it.
    compiled: whole chunks take compiled steps: seconds once a run, for a third of the time of a round.
    precision: float32 | tf32 | bf16, of the matrix products.
    """

    chunk: int = 16
    workers: int = 1
    compiled: bool = False
    precision: str = "float32"


def steps_of(job: Job) -> int:
    """Optimiser steps of a job in a round."""
    return steps_in(job.settings, _examples(job))


def chunks(jobs: Sequence[Job], places: Sequence[int], chunk: int, *, whole: bool = False) -> list[list[int]]:
    """Places in chunks of about equal size, longest jobs first: at any step the clients still training are a prefix.

    whole: all but the last have exactly `chunk` places.
    """
    ordered = sorted(places, key=lambda place: (-steps_of(jobs[place]), -_examples(jobs[place]), place))
    if whole:
        return [ordered[low : low + chunk] for low in range(0, len(ordered), chunk)]
    count = ceil(len(ordered) / chunk)
    ends = [round(number * len(ordered) / count) for number in range(count + 1)]
    return [ordered[low:high] for low, high in pairwise(ends)]


def active(steps: Sequence[int], step: int) -> int:
    """How many of these falling numbers of steps go beyond `step`."""
    return sum(1 for many in steps if many > step)


def _examples(job: Job) -> int:
    return 0 if job.train is None else len(job.train)
