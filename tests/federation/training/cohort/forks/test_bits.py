"""Forks that train come to what one process comes to."""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from federation.training import sequential
from federation.training.cohort.chunks import ChunkPlan, steps_of
from federation.training.cohort.engine import Cohort
from federation.training.cohort.workers import WorkerPool
from tests.federation.training.clients import squared
from tests.federation.training.cohort.forks.forking import SIZES, still_running, trained
from tests.federation.training.cohort.test_compiled import federation
from tests.federation.training.cohort.test_engine import bits, jobs_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks train on Linux")


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
