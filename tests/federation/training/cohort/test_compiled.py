"""Compiled steps end where eager ones end. Compiling takes seconds, so that one test shows all that it can."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.training.cohort import engine as cohort
from federation.training.cohort import workers
from federation.training.cohort.chunks import ChunkPlan
from federation.training.cohort.compiled import Compiled
from federation.training.cohort.engine import Cohort
from federation.training.cohort.stacked import Trained
from federation.training.jobs import Job
from tests.federation.training.clients import OPTIMIZERS, SAME, Federation, clients_of, largest_difference, perceptron
from tests.federation.training.cohort.test_engine import bits
from tests.whole import IN_FULL

SIZES = (24, 24, 24, 17, 17, 40, 9, 24, 16)  # two chunks of three end raggedly, in every arm


def federation(strategy: str = "fedprox", optimizer: str = "adamw", dtype: torch.dtype = torch.float32) -> Federation:
    """Dropout, a penalty, clipping, both arms."""
    return Federation(
        clients=clients_of(SIZES),
        build=perceptron,
        strategy=STRATEGIES[strategy],
        settings=OPTIMIZERS[optimizer],
        dtype=dtype,
    )


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method:DeprecationWarning")  # torch's compiler imports it
@pytest.mark.parametrize(
    ("strategy", "optimizer", "dtype"),
    [
        ("fedprox", "adamw", torch.float64),
        ("fedavg", "sgd", torch.float64),
        ("fedavg", "sgd", torch.float32),
        ("scaffold", "sgd", torch.float32),
    ][0 if IN_FULL else 3 :],
)
def test_compiled_steps_end_where_the_sequential_trainer_ends(
    strategy: str, optimizer: str, dtype: torch.dtype, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in two processes, to the bit, and they are compiled: most steps never call the eager function."""
    plan = ChunkPlan(chunk=3, compiled=True, workers=2)
    engine, alone, pair = (
        Cohort(device, plan),
        Cohort(device, ChunkPlan(chunk=3, compiled=True)),
        federation(strategy, optimizer, dtype),
    )
    steps = 0
    made = Compiled._compile

    def counted(*given: Any) -> Callable[..., Any]:
        quick = made(*given)

        def gradients(*words: Any) -> Any:
            nonlocal steps
            steps += 1
            return quick(*words)

        return gradients

    monkeypatch.setattr(Compiled, "_compile", counted)
    other = federation(strategy, optimizer, dtype)
    for round_ in range(1, 11):
        expected = pair.round(partial(sequential.run, device=device), round_)
        jobs = other.jobs(round_)
        assert bits(engine(jobs)) == bits(alone(jobs))
        assert largest_difference(expected, other.round(engine, round_)) < SAME[dtype]
    assert steps >= 10 * 32


@pytest.mark.skipif(not IN_FULL, reason="compiled steps are a test of every run, in two processes: scripts/prove ends")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method:DeprecationWarning")  # as above
@pytest.mark.skipif(not workers.can_fork(), reason="forks train on Linux, with one thread in torch's loops")
def test_forks_find_steps_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would compile for itself, every time that forks are made; also what is new to forks that are there."""
    engine, here = Cohort(plan=ChunkPlan(chunk=3, compiled=True, workers=2)), os.getpid()
    whole = engine._train_chunk

    def chunk(jobs: Sequence[Job]) -> list[Trained]:
        before = counters["stats"]["unique_graphs"]
        trained = whole(jobs)
        graphs = counters["stats"]["unique_graphs"] - before
        return trained if os.getpid() == here else [replace(one, loss=-1.0 - graphs) for one in trained]

    monkeypatch.setattr(engine, "_train_chunk", chunk)
    one = federation(optimizer="sgd")
    other = replace(one, settings=OPTIMIZERS["adamw"], held={})
    torch._dynamo.reset()  # or it would find what other tests compiled
    before = counters["stats"]["unique_graphs"]
    results_of_rounds = [engine(clients.jobs(round_)) for clients in (one, other) for round_ in (1, 2)]
    assert counters["stats"]["unique_graphs"] > before + 1  # here, once a kind
    reported = [[result.loss for result in results if result.loss < 0] for results in results_of_rounds]
    assert {loss for losses in reported for loss in losses} == {-1.0}
    assert len(reported[1]) >= 6
    assert len(reported[3]) >= 6


def test_where_nothing_can_be_compiled_steps_stay_eager_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Callable[..., Any]:
        def step(*_: Any) -> Any:
            raise RuntimeError("No working C++ compiler")

        return step

    monkeypatch.setattr(torch, "compile", broken)
    jobs = federation(optimizer="sgd").jobs(1)
    with caplog.at_level(logging.WARNING):
        gap = largest_difference(sequential.run(jobs), cohort.run(jobs, plan=ChunkPlan(chunk=3, compiled=True)))
    assert gap < 1e-5
    assert "No working C++ compiler" in caplog.text
