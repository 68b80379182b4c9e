"""A fork that fails, hangs or cannot be made: this process trains all, and none is left, however a round ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import pytest
import torch

from federation.training.cohort import workers as workers_module
from federation.training.cohort.chunks import ChunkPlan, steps_of
from federation.training.cohort.engine import Cohort
from federation.training.cohort.stacked import Trained
from federation.training.cohort.workers import WorkerPool
from federation.training.jobs import Job
from tests.federation.training.cohort.forks.forking import HERE, SIZES, still_running, trained
from tests.federation.training.cohort.test_engine import bits, jobs_of
from tests.whole import IN_FULL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks train on Linux")


def engine_with_faulty_workers(monkeypatch: pytest.MonkeyPatch, fork: Callable[[], None]) -> Cohort:
    """An engine whose forks do `fork` before they train."""
    engine = Cohort(plan=ChunkPlan(chunk=3, workers=2))
    whole = engine._train_chunk

    def chunk(jobs: Sequence[Job]) -> list[Trained]:
        if os.getpid() != HERE:
            fork()
        return whole(jobs)

    monkeypatch.setattr(engine, "_train_chunk", chunk)
    return engine


@pytest.mark.parametrize(
    "fork",
    [lambda: 1 / 0, lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: os._exit(3), lambda: time.sleep(60)],
    ids=["raises", "killed", "exits", "hangs"],
)
def test_what_a_fork_fails_to_train_this_process_trains_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, forked: list[int], fork: Callable[[], None]
) -> None:
    monkeypatch.setattr(workers_module, "PATIENCE", 0.5)
    engine = engine_with_faulty_workers(monkeypatch, fork)
    alone, jobs = Cohort(plan=ChunkPlan(chunk=3)), jobs_of(SIZES)
    for _ in range(3):
        assert bits(engine(jobs)) == bits(alone(jobs))
    assert len(forked) == 1  # nothing is tried again
    assert [record.message for record in caplog.records] == [
        "a process that trained a part of the clients failed or hung; from now on one trains them all"
    ]
    assert still_running(forked) == []


def test_a_fork_ends_with_the_round_that_this_process_breaks_off(forked: list[int]) -> None:
    def train(chunk: Sequence[Job]) -> list[Trained]:  # noqa: ARG001
        if os.getpid() == HERE:
            raise KeyboardInterrupt
        time.sleep(60)
        return []

    jobs, forks = jobs_of(SIZES), WorkerPool(3)
    with pytest.raises(KeyboardInterrupt):
        forks.train([jobs[:3], jobs[3:6], jobs[6:9]], train)
    assert len(forked) == 2
    assert still_running(forked) == []


PARENT = """
import os, sys, time
from tests.federation.training.cohort.forks.forking import SIZES, trained
from tests.federation.training.cohort.test_engine import jobs_of
from federation.training.cohort.workers import WorkerPool
pool, jobs, here, busy = WorkerPool(3), jobs_of(SIZES), os.getpid(), sys.argv[1] == "busy"
def train(chunk):
    if os.getpid() == here:
        time.sleep(0.5)
        print(*(worker._process for worker in pool._processes), flush=True)
    if busy:
        time.sleep(60)
    return [trained(job, lambda: 0.0) for job in chunk]
pool.train([jobs[:1], jobs[1:2], jobs[2:3]], train)
time.sleep(60)
"""


@pytest.mark.parametrize("at", ["busy", "idle"] if IN_FULL else ["busy"])
def test_a_fork_ends_when_its_parent_is_killed(at: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, at], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    forks = list(map(int, parent.stdout.readline().split()))
    assert len(still_running(forks)) == 2
    parent.kill()
    parent.wait()
    until = time.monotonic() + 10
    while still_running(forks) and time.monotonic() < until:
        time.sleep(0.01)  # they are not our children, so there is nothing to wait for
    assert still_running(forks) == []
    parent.stdout.close()


def test_where_no_process_can_be_made_this_one_trains_all(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", full)
    engine, alone, jobs = Cohort(plan=ChunkPlan(chunk=3, workers=3)), Cohort(plan=ChunkPlan(chunk=3)), jobs_of(SIZES)
    for _ in range(3):
        assert bits(engine(jobs)) == bits(alone(jobs))
    assert "one trains them all" in caplog.text


def test_a_share_of_many_steps_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may have had the short one."""
    monkeypatch.setattr(workers_module, "PATIENCE", 0.2)
    jobs, here = jobs_of(SIZES), HERE

    def train(chunk: Sequence[Job]) -> list[Trained]:
        time.sleep(0.1 if os.getpid() == here else 1.5)
        return [trained(job, lambda: 1.0) for job in chunk]

    short, many = jobs[6:7], [job for job in jobs if steps_of(job) > 2] * 2
    assert sum(map(steps_of, many)) > 5 * sum(map(steps_of, short))
    assert None not in WorkerPool(2).train([many, short], train)
    assert None in WorkerPool(2).train([short, short], train)


def test_with_more_threads_in_torch_or_elsewhere_than_on_linux_one_process_trains_all(
    monkeypatch: pytest.MonkeyPatch, forked: list[int]
) -> None:
    engine = Cohort(plan=ChunkPlan(chunk=3, workers=2))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    jobs = jobs_of(SIZES)
    for _ in range(2):
        engine(jobs)
    monkeypatch.undo()
    monkeypatch.setattr("sys.platform", "darwin")
    assert not workers_module.can_fork()
    assert forked == []
