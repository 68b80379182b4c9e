"""The local arm ends with the mean of its best rounds by the country's own validation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from federation.vault.own_models import local_model
from federation.vault.own_models.local_model import Memory
from tasks.evaluation.score import Sums
from tests.federation.toy import TOY
from tests.federation.vault.requesting import plan_of

pytestmark = pytest.mark.usefixtures("toy")
NAMES = next(iter(TOY.scores.values())).names


def sums(value: float, count: float = 10.0) -> Sums:
    """Sums whose mean is the value."""
    rows = {"sum": np.full(3, value * count), "count": np.full(3, count)}
    return {name: rows.get(name, np.zeros(3)) for name in NAMES}


def weights(number: float) -> Memory:
    return {"w": torch.full((2,), float(number))}


def after(values: list[float], keep: int) -> Memory:
    """The memory after rounds with these validation scores; the model of round r is all r."""
    memory: Memory = {}
    for round_, value in enumerate(values):
        memory = local_model.evaluated(memory, weights(round_), sums(value), TOY, plan_of(keep_best=keep), round_)
    return memory


@given(values=st.lists(st.sampled_from([k / 64 for k in range(64)]), min_size=1, unique=True), keep=st.integers(1, 5))
def test_the_best_rounds_are_averaged(values: list[float], keep: int) -> None:
    best = sorted(range(len(values)), key=lambda round_: values[round_])[:keep]
    assert local_model.final(after(values, keep), weights(99))["w"].tolist() == pytest.approx([np.mean(best)] * 2)


def test_with_none_to_keep_the_last_model_counts() -> None:
    assert after([0.1, 0.9], keep=0) == {}
    assert local_model.final({}, weights(99))["w"].tolist() == [99, 99]


def test_a_round_without_a_scored_record_is_no_candidate() -> None:
    memory = local_model.evaluated({}, weights(1), sums(0.0, count=0.0), TOY, plan_of(keep_best=2), 1)
    assert memory == {}
