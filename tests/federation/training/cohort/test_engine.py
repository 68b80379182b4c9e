"""The cohort engine gives what the sequential trainer gives, whoever else is in the chunk."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from federation.settings.parts import TrainingSettings
from federation.strategies import STRATEGIES
from federation.strategies.strategy import Strategy
from federation.training import sequential
from federation.training.cohort import engine as cohort
from federation.training.cohort.chunks import ChunkPlan
from federation.training.cohort.engine import Cohort
from federation.training.jobs import Job, Result
from tests.federation.federations import every_strategy
from tests.federation.training.clients import (
    CASES,
    HORIZONS,
    OPTIMIZERS,
    RAGGED,
    SAME,
    Attention,
    Federation,
    Recurrent,
    clients_of,
    largest_difference,
    perceptron,
)
from tests.whole import IN_FULL

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def largest_gap(
    build: Callable[[int], nn.Module],
    strategy: Strategy,
    training: TrainingSettings,
    sizes: Sequence[int],
    plan: ChunkPlan,
    rounds: int = 10,
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
) -> float:
    """Largest difference between two federations, one a trainer, in any round."""
    clients = clients_of(sizes)
    pair = [
        Federation(clients=clients, build=build, strategy=strategy, settings=training, dtype=dtype) for _ in range(2)
    ]
    alone, engine = partial(sequential.run, device=device), Cohort(device, plan)
    return max(
        largest_difference(pair[0].round(alone, number), pair[1].round(engine, number))
        for number in range(1, rounds + 1)
    )


@pytest.mark.parametrize("turn", range(len(CASES)) if IN_FULL else [0])
@pytest.mark.parametrize("name", every_strategy())
def test_every_strategy_ends_where_the_sequential_trainer_ends(name: str, turn: int, device: torch.device) -> None:
    """A sample takes one case of each strategy, and another one of the next."""
    strategy = STRATEGIES[name]
    optimizer, dtype = CASES[(turn + list(STRATEGIES).index(name)) % len(CASES)]
    if name == "scaffold":  # control variates need plain gradient steps; its `fits` refuses other plans
        optimizer = "sgd"
    training, plan = OPTIMIZERS[optimizer], ChunkPlan(chunk=4)
    assert largest_gap(perceptron, strategy, training, RAGGED, plan, device=device, dtype=dtype) < SAME[dtype]


@pytest.mark.parametrize(("optimizer", "dtype"), CASES if IN_FULL else CASES[::2])
def test_attention_ends_there_too(optimizer: str, dtype: torch.dtype, device: torch.device) -> None:
    training, plan = OPTIMIZERS[optimizer], ChunkPlan(chunk=5)
    assert (
        largest_gap(Attention, STRATEGIES["fedprox"], training, RAGGED, plan, device=device, dtype=dtype) < SAME[dtype]
    )


ANY_SHAPE = given(
    sizes=st.lists(st.integers(1, 40), min_size=3, max_size=8),
    batch=st.integers(1, 24),
    length=st.one_of(
        st.builds(lambda epochs: {"epochs": epochs, "steps": None}, st.integers(1, 3)),
        st.builds(lambda steps: {"epochs": None, "steps": steps}, st.integers(1, 12)),
    ),
    chunk=st.integers(2, 6),
    strategy=st.sampled_from(["fedprox", "scaffold"]),  # a penalty, a correction
    case=st.sampled_from(CASES),
    clip=st.sampled_from([None, 0.1, 1.0, 10.0]),
    build=st.sampled_from([perceptron, Attention]),
)


@pytest.mark.long
@ANY_SHAPE
@settings(max_examples=12 if IN_FULL else 3, deadline=None, derandomize=True, phases=[Phase.generate])
def test_any_shape_ends_there_too(
    sizes: list[int],
    batch: int,
    length: dict[str, Any],
    chunk: int,
    strategy: str,
    case: tuple[str, torch.dtype],
    clip: float | None,
    build: Callable[[int], nn.Module],
) -> None:
    """At rates at which these settle: training that diverges multiplies whatever rounding left."""
    optimizer, dtype = case
    assume(strategy != "scaffold" or optimizer == "sgd")
    lr = 0.05 if optimizer != "adamw" and clip is not None and clip <= 1 else 0.005
    training = replace(OPTIMIZERS[optimizer], batch_size=batch, clip_gradient=clip, lr=lr, **length)
    assert largest_gap(build, STRATEGIES[strategy], training, sizes, ChunkPlan(chunk=chunk), dtype=dtype) < SAME[dtype]


def jobs_of(
    sizes: Sequence[int] = RAGGED,
    build: Callable[[int], nn.Module] = perceptron,
    dtype: torch.dtype = torch.float64,
) -> list[Job]:
    """A round's jobs of the federated arm."""
    federation = Federation(
        clients=clients_of(sizes),
        build=build,
        strategy=STRATEGIES["fedprox"],
        settings=OPTIMIZERS["adamw"],
        arms=("federated",),
        dtype=dtype,
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
    jobs = jobs_of(RAGGED * 2, dtype=torch.float32)
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
        gap = largest_difference(sequential.run(jobs, device), engine(jobs))
        assert gap <= (1e-6 if device.type == "cuda" else 0.0)  # cuDNN's GRU adds in no fixed order
        engine(jobs)
    assert [record.message for record in caplog.records if "Recurrent" in record.message][1:] == []
    assert "one by one: gru (nn.GRU): use a cell written with matrix products" in caplog.text


class Fused(nn.Module):
    """torch's fused attention, over whose clients vmap loops."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embed, self.head = nn.Linear(1, 4), nn.Linear(4, HORIZONS)

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """(N, F) -> (N, H, 1)."""
        tokens = self.embed(inputs["features"][..., None])
        mixed = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        output: Tensor = self.head(mixed.mean(1))[..., None]
        return output


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
def test_a_layer_in_which_torch_loops_over_clients_is_named(caplog: pytest.LogCaptureFixture) -> None:
    jobs = jobs_of(build=Fused)
    assert largest_difference(sequential.run(jobs), cohort.run(jobs)) < 1e-5
    (said,) = [record.message for record in caplog.records if "Fused" in record.message]
    assert "slow to train many at a time: scaled_dot_product_attention: use matrix products and softmax" in said


def test_models_that_differ_are_not_stacked(device: torch.device) -> None:
    """Same shapes, another share of dropout: in one step they would all get the first one's."""
    jobs = jobs_of()
    other = perceptron(1)
    other.share = 0.6  # type: ignore[assignment]  # a plain attribute of this module
    jobs = [replace(job, model=other) if place % 2 else job for place, job in enumerate(jobs)]
    assert largest_difference(sequential.run(jobs, device), cohort.run(jobs, device)) < 1e-5


def test_bf16_is_near_float32_and_not_the_same(device: torch.device, caplog: pytest.LogCaptureFixture) -> None:
    """And it stays many at a time: training one by one would be logged."""
    jobs = jobs_of(dtype=torch.float32)
    gap = largest_difference(cohort.run(jobs, device), cohort.run(jobs, device, ChunkPlan(precision="bf16")))
    assert 1e-5 < gap < 0.2
    assert "one by one" not in caplog.text


def bits(results: Sequence[Result]) -> list[bytes]:
    """Every number of the results."""
    values = [value.numpy().tobytes() for result in results for value in (result.params or {}).values()]
    return values + [b"" if result.output is None else result.output.tobytes() for result in results]
