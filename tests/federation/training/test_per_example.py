"""Gradients of single examples, against a loop over rows, and without any clipping against the batch's own."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from federation.settings.parts import TrainingSettings
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.training.cohort.chunks import ChunkPlan
from federation.training.per_example import mean_clipped_gradient
from tests.federation.training.clients import (
    CASES,
    OPTIMIZERS,
    RAGGED,
    SAME,
    Attention,
    Federation,
    clients_of,
    largest_difference,
    perceptron,
)
from tests.federation.training.cohort.test_engine import largest_gap
from tests.whole import IN_FULL

CLIPPED = {name: replace(training, clip_example=0.3) for name, training in OPTIMIZERS.items()}


def squared(weights: Mapping[str, Tensor], inputs: Mapping[str, Tensor], target: Tensor, _: Tensor) -> Tensor:
    """A linear model's mean squared error."""
    return (inputs["x"] @ weights["w"] - target[:, 0]).square().mean()


@given(seed=st.integers(0, 1000), size=st.integers(1, 6), largest=st.floats(0.01, 100))
@settings(deadline=None)
def test_each_row_counts_up_to_the_largest_norm_and_filling_rows_do_not(seed: int, size: int, largest: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    x, y, w = (torch.randn(shape, generator=draw) for shape in [(6, 3), (6, 1), (3,)])
    rows = 2 * (x @ w - y[:, 0])[:, None] * x  # the gradient of a squared error, row by row
    norms = rows.norm(dim=1)
    expected = (rows * (largest / norms).clamp(max=1)[:, None])[:size].mean(0)
    y[size:] = torch.nan
    gradient, loss = mean_clipped_gradient(squared, largest)({"w": w}, {"x": x}, y, torch.tensor(1), torch.tensor(size))
    torch.testing.assert_close(gradient["w"], expected, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(loss, (x @ w - y[:, 0]).square()[:size].mean())
    assert gradient["w"].norm() <= largest * (1 + 1e-5)


@pytest.mark.skipif(not IN_FULL, reason="one client is a test of every run: scripts/prove ends")
@pytest.mark.parametrize(("optimizer", "dtype"), CASES if IN_FULL else CASES[:1])
def test_many_clients_at_once_end_where_one_after_another_ends(optimizer: str, dtype: torch.dtype) -> None:
    strategy = STRATEGIES["fedprox"]
    assert largest_gap(perceptron, strategy, CLIPPED[optimizer], RAGGED, ChunkPlan(chunk=4), dtype=dtype) < SAME[dtype]
    assert largest_gap(Attention, strategy, CLIPPED[optimizer], RAGGED, ChunkPlan(chunk=3), dtype=dtype) < SAME[dtype]


def test_clipping_examples_changes_the_training() -> None:
    plain = TrainingSettings(optimizer="sgd", lr=0.05, clip_gradient=None, batch_size=8)
    clients = clients_of(RAGGED)
    pair = [
        Federation(clients=clients, build=perceptron, strategy=STRATEGIES["fedavg"], settings=training)
        for training in (plain, replace(plain, clip_example=0.01))
    ]
    assert largest_difference(*(federation.round(sequential.run, 1) for federation in pair)) > 1e-3
