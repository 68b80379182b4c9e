"""What a fork must not touch: memory, locks, signals and the log of its parent."""

import fcntl
import gc
import logging
import os
import signal
import sys
import time
from pathlib import Path
from weakref import ref

import numpy as np
import pytest

from federation.training.cohort.workers import WorkerPool
from federation.training.device import cpu_seconds
from tests.federation.training.cohort.forks.forking import HERE, SIZES, in_workers, still_running, trained
from tests.federation.training.cohort.test_engine import jobs_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks train on Linux")


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


def test_work_of_forks_counts_as_this_process_s() -> None:
    def busy() -> float:
        until = time.process_time() + 0.3
        while time.process_time() < until:
            np.sort(np.arange(1000))
        return 1.0

    began = cpu_seconds()
    assert in_workers(jobs_of(SIZES), busy, workers=3) == [1.0, 1.0]
    assert cpu_seconds() - began > 0.5
