"""Forks that train: what they come to, what they must not touch, and that none is left, however a round ends."""

import fcntl
import gc
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from weakref import ref

import numpy as np
import pytest
import torch

from federation.training import sequential
from federation.training.cohort import workers as workers_module
from federation.training.cohort.chunks import ChunkPlan, steps_of
from federation.training.cohort.engine import Cohort
from federation.training.cohort.stacked import Trained
from federation.training.cohort.workers import WorkerPool
from federation.training.device import cpu_seconds
from federation.training.jobs import Job
from tests.federation.training.clients import squared
from tests.federation.training.cohort.test_compiled import federation
from tests.federation.training.cohort.test_engine import bits, jobs_of
from tests.whole import IN_FULL

HERE = os.getpid()
SIZES = (24, 24, 24, 17, 17, 40, 9, 24, 16)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks train on Linux")


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


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The forks that a test made."""
    numbers, fork = list[int](), os.fork

    def counted() -> int:
        numbers.append(fork())
        return numbers[-1]

    monkeypatch.setattr(os, "fork", counted)
    return numbers


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


@pytest.mark.parametrize("workers", [2, 3, 16])
def test_forks_end_in_the_bits_of_one_process_and_go_with_their_engine(forked: list[int], workers: int) -> None:
    """From the second round on, when all is known, a fork a chunk but one; the third round needs no new ones."""
    engine, alone, jobs = (
        Cohort(plan=ChunkPlan(chunk=3, workers=workers)),
        Cohort(plan=ChunkPlan(chunk=3)),
        jobs_of(SIZES),
    )
    assert bits(engine(jobs)) == bits(alone(jobs))
    assert bits(engine(jobs)) == bits(alone(jobs))
    there = still_running(forked)
    assert len(there) == min(workers, 3) - 1
    assert bits(engine(jobs)) == bits(alone(jobs))
    assert still_running(forked) == there
    del engine
    assert still_running(forked) == []


def test_one_client_after_another_in_forks_ends_in_the_bits_of_the_sequential_trainer(forked: list[int]) -> None:
    """Scored before and after training, with a strategy's finish, nothing to train, and rounds after the first."""
    plain = [*jobs_of(SIZES), *replace(federation("scaffold", "sgd"), held={}).jobs(1)]
    late = [replace(job, arm="personalised", score=job.train, score_trained=True) for job in plain[:2]]
    idle = [replace(plain[0], arm="held out", score=plain[0].train, train=None)]
    jobs = [*plain, *late, *idle]
    engine = Cohort(plan=ChunkPlan(chunk=1, workers=2))
    for _ in range(2):
        for one, other in zip(engine(jobs), sequential.run(jobs), strict=True):
            assert bits([one]) == bits([other])
            np.testing.assert_equal((one.loss, one.steps), (other.loss, other.steps))
            for name, value in other.finished.released.items():
                assert torch.equal(one.finished.released[name], value)
    assert len(forked) == 1


def test_forks_are_made_anew_for_records_and_weights_that_they_lack(forked: list[int]) -> None:
    engine, alone = Cohort(plan=ChunkPlan(chunk=3, workers=2)), Cohort(plan=ChunkPlan(chunk=3))
    before = 0
    for sizes in (SIZES, SIZES[::-1], SIZES * 3):
        jobs = jobs_of(sizes)
        for _ in range(2):
            assert bits(engine(jobs)) == bits(alone(jobs))
        assert len(forked) > before
        before = len(forked)


def test_forks_are_made_anew_for_more_weights_than_they_have_room_for(forked: list[int]) -> None:
    jobs, forks = jobs_of(SIZES), WorkerPool(2)
    for number, many in enumerate((1, 4, 2), start=1):
        results = forks.train([jobs[:3] * many, jobs[3:6]], lambda chunk: [trained(job, lambda: 1.0) for job in chunk])
        assert [[one.loss for one in chunk or []] for chunk in results] == [[1.0] * 3 * many, [0.0] * 3]
        assert len(forked) == min(number, 2)


def test_weights_of_an_arm_s_own_reach_the_forks(forked: list[int]) -> None:
    """And another learning rate, another seed, a strategy's arrays: all that changes from round to round."""
    pair = [replace(federation("scaffold", "sgd"), held={}) for _ in range(2)]
    engines = Cohort(plan=ChunkPlan(chunk=3, workers=2)), Cohort(plan=ChunkPlan(chunk=3))
    kept, forks = [], []
    for round_ in (1, 2, 3, 4):
        one, other = (own.round(engine, round_) for own, engine in zip(pair, engines, strict=True))
        kept.append((one, bits(one)))
        forks.append(len(forked))
        assert bits(one) == bits(other)
    assert forks[1] == forks[2] == forks[3] > 0  # models are new in every round, and have the same structure
    assert all(bits(results) == were for results, were in kept)  # a later round writes over none of them


def test_a_loss_that_cannot_be_sent_is_followed_here(forked: list[int], caplog: pytest.LogCaptureFixture) -> None:
    jobs = [replace(job, loss=lambda output, target: squared(output, target)) for job in jobs_of(SIZES)]
    jobs = [replace(job, loss=jobs[0].loss) for job in jobs]
    engine, alone = Cohort(plan=ChunkPlan(chunk=3, workers=2)), Cohort(plan=ChunkPlan(chunk=3))
    for _ in range(3):
        assert bits(engine(jobs)) == bits(alone(jobs))
    assert "one process trains all clients" in caplog.text
    assert "not as a lambda" in caplog.text
    assert still_running(forked) == []


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
from tests.federation.training.cohort.test_workers import SIZES, jobs_of, trained
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


@pytest.mark.parametrize("workers", [2, 3])
def test_a_signal_in_the_middle_of_a_fork_is_the_parent_s_alone(
    monkeypatch: pytest.MonkeyPatch, forked: list[int], workers: int, tmp_path: Path
) -> None:
    """Ctrl-C reaches all processes of a terminal. A fork that went on as its parent would write the same checkpoint."""
    fork = os.fork

    def interrupted() -> int:
        number = fork()
        os.kill(number or os.getpid(), signal.SIGTERM)
        return number

    monkeypatch.setattr(os, "fork", interrupted)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    jobs, forks = jobs_of(SIZES), WorkerPool(workers)
    try:
        results = forks.train(
            [jobs[place : place + 1] for place in range(workers)],
            lambda chunk: [trained(job, lambda: 1.0) for job in chunk],
        )
    except BaseException:
        if os.getpid() != HERE:  # what must not be: the rest of this test in a second process
            (tmp_path / "escaped").touch()
            os._exit(1)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not (tmp_path / "escaped").exists()
    assert results[:-1] == [None] * (workers - 1)  # they ended at the signal
    forks.end()
    assert still_running(forked) == []


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


def test_a_model_inside_a_loss_is_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    jobs = [replace(job, loss=partial(scaled, by=torch.nn.Linear(1, 1))) for job in jobs_of(SIZES)]
    jobs = [replace(job, loss=jobs[0].loss) for job in jobs]
    engine, alone = Cohort(plan=ChunkPlan(chunk=3, workers=2)), Cohort(plan=ChunkPlan(chunk=3))
    for _ in range(3):
        assert bits(engine(jobs)) == bits(alone(jobs))
    [said] = caplog.messages
    assert "a Linear that is neither trained nor trained on" in said
    assert "Write it as a function of a module" in said


def scaled(output: torch.Tensor, target: torch.Tensor, by: torch.nn.Linear | None) -> torch.Tensor:
    """Another loss where a model is missing."""
    return squared(output, target) * (1.0 if by is None else by.weight.detach().square().sum())


def test_a_fork_collects_its_own_cycles_and_none_of_its_parent_s() -> None:
    """Every vmapped step leaves some behind: 4 KiB, for as many rounds as there are."""
    ours, kept = Cycle(), []

    def report() -> float:
        kept.append(ref(Cycle()))
        return float(kept[0]() is not None) + 2 * (gc.get_freeze_count() > 10_000) + 4 * (seen() is not None)

    seen, forks, jobs = ref(ours), WorkerPool(2), jobs_of(SIZES)
    del ours
    assert gc.get_freeze_count() == 0
    reported = [
        [
            one.loss
            for one in forks.train([jobs[:1], jobs[1:2]], lambda chunk: [trained(job, report) for job in chunk])[0]
            or []
        ]
        for _ in range(2)
    ]
    assert reported == [[7.0], [6.0]]


class Cycle:
    """What only the collector finds."""

    def __init__(self) -> None:
        self.me = self


def test_a_fork_holds_no_lock_that_this_process_holds(tmp_path: Path) -> None:
    """Or a run whose process is killed could not go on until its forks are done."""
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert in_workers(jobs_of(SIZES), lambda: float(Path(f"/proc/self/fd/{file.fileno()}").exists())) == [0.0]


def test_a_fork_leaves_signals_and_the_log_to_this_process() -> None:
    """SIGTERM makes this process save its run; a fork that did so too would write the same checkpoint."""

    def report() -> float:
        return float(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and not logging.root.isEnabledFor(50))

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        assert in_workers(jobs_of(SIZES), report) == [1.0]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_weights_of_every_shape_and_type_come_back() -> None:
    [job, other, *_] = jobs_of(SIZES)
    start = {
        "scalar": torch.tensor(3.5),
        "double": torch.arange(7, dtype=torch.float64).reshape(7, 1) / 3,
        "none": torch.empty(0, 4),
        "half": torch.ones(3, dtype=torch.bfloat16) / 3,
    }
    cut = [[replace(one, start=start)] for one in (job, other)]
    results = WorkerPool(2).train(cut, lambda chunk: [trained(one, lambda: 0.1) for one in chunk])
    [back] = results[0] or []
    assert {name: (v.dtype, v.tolist()) for name, v in back.params.items()} == {
        name: (v.dtype, v.tolist()) for name, v in start.items()
    }
    assert (back.loss, back.steps) == (0.1, steps_of(job))


def test_work_of_forks_counts_as_this_process_s() -> None:
    def busy() -> float:
        until = time.process_time() + 0.3
        while time.process_time() < until:
            np.sort(np.arange(1000))
        return 1.0

    began = cpu_seconds()
    assert in_workers(jobs_of(SIZES), busy, workers=3) == [1.0, 1.0]
    assert cpu_seconds() - began > 0.5


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
