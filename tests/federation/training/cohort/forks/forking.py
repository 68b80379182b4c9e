"""Clients that train in forks, and which of these are still there."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from federation.training.cohort.chunks import steps_of
from federation.training.cohort.stacked import Trained
from federation.training.cohort.workers import WorkerPool
from federation.training.jobs import Job

HERE = os.getpid()
SIZES = (24, 24, 24, 17, 17, 40, 9, 24, 16)


def in_workers(jobs: Sequence[Job], report: Callable[[], float], workers: int = 2) -> list[float]:
    """The value of `report` in every fork, one chunk each; this process reports nothing."""
    forks = WorkerPool(workers)
    results = forks.train(
        [jobs[place : place + 1] for place in range(workers)], lambda chunk: [trained(job, report) for job in chunk]
    )
    forks.end()
    return [one.loss for many in results[:-1] for one in many or []]


def trained(job: Job, report: Callable[[], float]) -> Trained:
    """Weights as they began, and what a fork reports in place of a loss."""
    return Trained(params=dict(job.start), loss=0.0 if os.getpid() == HERE else report(), steps=steps_of(job))


def still_running(forked: Sequence[int]) -> list[int]:
    """Those that are there still, were it as ended processes that this one has not waited for."""
    return [number for number in forked if (words := status(number)) and (words[1] == HERE or words[0] != "Z")]


def status(number: int) -> tuple[str, int] | None:
    """State and parent of a process, from proc(5)."""
    try:
        words = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return words[0], int(words[1])
