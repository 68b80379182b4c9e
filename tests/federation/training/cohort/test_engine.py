"""The cohort engine gives what the sequential trainer gives, whoever else is in the chunk."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from federation.settings.schema import TrainingSettings
from federation.strategies import STRATEGIES
from federation.strategies.strategy import Strategy
from federation.training import sequential
from federation.training.cohort import engine as cohort
from federation.training.cohort.chunks import ChunkPlan
from federation.training.cohort.engine import Cohort
from federation.training.jobs import Job, Result
from tests.federation.training.clients import (
    OPTIMIZERS,
    RAGGED,
    SAME,
    Attention,
    Client,
    Federation,
    Recurrent,
    clients_of,
    in_float64,
    largest_difference,
    perceptron,
)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def apart(
    build: Callable[[int], nn.Module],
    strategy: Strategy,
    training: TrainingSettings,
    sizes: Sequence[int],
    plan: ChunkPlan,
    rounds: int = 10,
    device: torch.device = CPU,
    clients: Sequence[Client] = (),
) -> float:
    """Largest difference between two federations, one a trainer, in any round."""
    some = clients or clients_of(sizes)
    pair = [Federation(clients=some, build=build, strategy=strategy, settings=training) for _ in range(2)]
    alone, engine = partial(sequential.run, device=device), Cohort(device, plan)
    return max(
        largest_difference(pair[0].round(alone, number), pair[1].round(engine, number))
        for number in range(1, rounds + 1)
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_every_strategy_ends_where_the_sequential_trainer_ends(
    strategy: Strategy, optimizer: str, device: torch.device
) -> None:
    if strategy.name == "scaffold" and optimizer != "sgd":
        pytest.skip("control variates need plain gradient steps; its `fits` refuses other plans")
    assert apart(perceptron, strategy, OPTIMIZERS[optimizer], RAGGED, ChunkPlan(chunk=4), device=device) < SAME


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("build", [perceptron, Attention])
def test_in_float64_nothing_but_rounding_is_left(
    build: Callable[[int], nn.Module], optimizer: str, device: torch.device
) -> None:
    """What float32 leaves between the engines is no mistake of either: in float64 it is 29 bits smaller."""
    clients = [in_float64(client) for client in clients_of(RAGGED)]
    found = apart(
        lambda seed: build(seed).double(),
        STRATEGIES["fedprox"],
        OPTIMIZERS[optimizer],
        RAGGED,
        ChunkPlan(chunk=4),
        device=device,
        clients=clients,
    )
    assert found < 1e-12


ANY_SHAPE = given(
    sizes=st.lists(st.integers(1, 40), min_size=3, max_size=8),
    batch=st.integers(1, 24),
    epochs=st.integers(1, 3),
    chunk=st.integers(2, 6),
    strategy=st.sampled_from(["fedprox", "scaffold"]),  # a penalty, a correction
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    clip=st.sampled_from([None, 0.1, 1.0, 10.0]),
    build=st.sampled_from([perceptron, Attention]),
)


@ANY_SHAPE
@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])
def test_any_shape_ends_there_too(
    sizes: list[int],
    batch: int,
    epochs: int,
    chunk: int,
    strategy: str,
    optimizer: str,
    clip: float | None,
    build: Callable[[int], nn.Module],
) -> None:
    """At rates at which these settle: training that diverges multiplies whatever rounding left."""
    assume(strategy != "scaffold" or optimizer == "sgd")
    lr = 0.05 if optimizer != "adamw" and clip is not None and clip <= 1 else 0.005
    training = replace(OPTIMIZERS[optimizer], batch_size=batch, epochs=epochs, clip_gradient=clip, lr=lr)
    assert apart(build, STRATEGIES[strategy], training, sizes, ChunkPlan(chunk=chunk)) < SAME


@pytest.mark.parametrize(
    ("build", "sizes", "batch", "epochs", "chunk", "clip", "lr"),
    [
        (perceptron, [33, 13, 3, 4], 1, 2, 4, 10.0, 0.005),
        (perceptron, [31, 15, 27, 22, 36, 40], 24, 3, 4, None, 0.01),
        (Attention, [19, 8, 22, 33, 28, 33, 13, 20], 10, 3, 5, 10.0, 0.01),
        (Attention, [1, 9, 1], 9, 1, 3, None, 0.01),
    ],
)
def test_adam_where_a_smaller_epsilon_would_part_them(
    build: Callable[[int], nn.Module],
    sizes: list[int],
    batch: int,
    epochs: int,
    chunk: int,
    clip: float | None,
    lr: float,
) -> None:
    """With 1e-5 they end 6e-5, 6e-5, 1.4e-5 and 1.6e-5 apart."""
    training = replace(OPTIMIZERS["adamw"], batch_size=batch, epochs=epochs, clip_gradient=clip, lr=lr)
    assert apart(build, STRATEGIES["fedprox"], training, sizes, ChunkPlan(chunk=chunk)) < SAME


def test_adam_where_true_gradients_are_zero(device: torch.device) -> None:
    """The bias of an attention's key: rounding alone would move it by whole steps."""
    training = OPTIMIZERS["adamw"]
    assert apart(Attention, STRATEGIES["fedprox"], training, RAGGED, ChunkPlan(chunk=5), device=device) < SAME


def jobs_of(sizes: Sequence[int] = RAGGED, build: Callable[[int], nn.Module] = perceptron) -> list[Job]:
    """A round's jobs of the federated arm."""
    federation = Federation(
        clients=clients_of(sizes),
        build=build,
        strategy=STRATEGIES["fedprox"],
        settings=OPTIMIZERS["adamw"],
        arms=("federated",),
    )
    return federation.jobs(1)


def test_a_result_does_not_depend_on_chunk_mates(device: torch.device) -> None:
    jobs = jobs_of()
    together = cohort.run(jobs, device, ChunkPlan(chunk=6))
    for chosen in ([0, 1, 2], [0, 3, 5], [0, 4, 2, 5]):
        others = cohort.run([jobs[place] for place in chosen], device, ChunkPlan(chunk=6))
        assert largest_difference(others, [together[place] for place in chosen]) < 1e-6


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_plan_gives_the_same_bits(workers: int, device: torch.device) -> None:
    jobs = jobs_of(RAGGED * 2)
    plan = ChunkPlan(chunk=4)
    again = cohort.run(jobs, device, replace(plan, workers=workers))
    assert bits(cohort.run(jobs, device, plan)) == bits(again)


def test_jobs_are_left_as_they_were() -> None:
    jobs = jobs_of()
    before = [{name: value.clone() for name, value in job.start.items()} for job in jobs]
    results = cohort.run(jobs)
    assert all(torch.equal(was[name], job.start[name]) for was, job in zip(before, jobs, strict=True) for name in was)
    assert all(result.job is job for result, job in zip(results, jobs, strict=True))
    assert any(
        not torch.equal(was[name], r.params[name])
        for was, r in zip(before, results, strict=True)
        if r.params
        for name in was
    )


def test_jobs_without_training_without_scoring_and_scored_late(device: torch.device) -> None:
    jobs = jobs_of((12, 7, 30, 9, 21))
    jobs[0] = replace(jobs[0], train=None)
    jobs[1] = replace(jobs[1], score=None)
    jobs[2] = replace(jobs[2], score_trained=True)
    jobs[3] = replace(jobs[3], train=jobs[3].train.take(np.arange(0)) if jobs[3].train else None)
    jobs[4] = replace(jobs[4], train=None, score=None)
    assert largest_difference(sequential.run(jobs, device), cohort.run(jobs, device)) < 1e-6


def test_a_model_that_vmap_cannot_run_is_trained_one_by_one_and_says_so(
    caplog: pytest.LogCaptureFixture, device: torch.device
) -> None:
    jobs = jobs_of(build=Recurrent)
    engine = Cohort(device)
    with caplog.at_level(logging.WARNING):
        apart = largest_difference(sequential.run(jobs, device), engine(jobs))
        assert apart <= (1e-6 if device.type == "cuda" else 0.0)  # cuDNN's GRU adds in no fixed order
        engine(jobs)
    assert [record.message for record in caplog.records if "Recurrent" in record.message][1:] == []
    assert "one by one" in caplog.text


def test_models_that_differ_are_not_stacked(device: torch.device) -> None:
    """Same shapes, another share of dropout: in one step they would all get the first one's."""
    jobs = jobs_of()
    other = perceptron(1)
    other.share = 0.6  # type: ignore[assignment]  # a plain attribute of this module
    jobs = [replace(job, model=other) if place % 2 else job for place, job in enumerate(jobs)]
    assert largest_difference(sequential.run(jobs, device), cohort.run(jobs, device)) < 1e-5


def test_bf16_is_near_float32_and_not_the_same(device: torch.device, caplog: pytest.LogCaptureFixture) -> None:
    """And it stays many at a time: what comes back one by one would be told on the log."""
    jobs = jobs_of()
    gap = largest_difference(cohort.run(jobs, device), cohort.run(jobs, device, ChunkPlan(precision="bf16")))
    assert 1e-5 < gap < 0.2
    assert "one by one" not in caplog.text


def bits(results: Sequence[Result]) -> list[bytes]:
    """Every number of the results."""
    found = [value.numpy().tobytes() for result in results for value in (result.params or {}).values()]
    return found + [b"" if result.output is None else result.output.tobytes() for result in results]
