"""The final model is chosen on validation alone: the last, or the mean of the best rounds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.coordinator.model_selection import final_model, with_candidate
from federation.coordinator.state import Progress
from federation.reporting.rows import ALL, Row
from tests.federation.vault.requesting import plan_of

pytestmark = pytest.mark.usefixtures("toy")


def row(value: float, country: str = "VNM", arm: str = "federated", horizon: str = ALL) -> Row:
    return Row(
        task="toy", country=country, arm=arm, score="mse", horizon=horizon, value=value, low=value, high=value, n=9
    )


def after(values: list[float], keep: int) -> Progress:
    """Rounds in which one country has these validation scores; the model of round r is all r."""
    progress = Progress(round=0, model={"w": np.zeros(2, np.float32)})
    for round_, value in enumerate(values):
        progress = replace(progress, round=round_, model={"w": np.full(2, round_, np.float32)})
        lures = [row(0.01, country="ASEAN"), row(0.01, arm="local"), row(0.01, horizon="1 month")]
        progress = with_candidate(progress, [*lures, row(value)], plan_of(keep_best=keep), "ASEAN")
    return progress


@given(values=st.lists(st.floats(0.1, 1), min_size=1, max_size=12), keep=st.integers(1, 5))
def test_the_best_rounds_are_averaged(values: list[float], keep: int) -> None:
    best = sorted(range(len(values)), key=lambda round_: (values[round_], round_))[:keep]
    assert [one.round for one in after(values, keep).best] == best
    assert final_model(after(values, keep), plan_of())["w"].tolist() == pytest.approx([np.mean(best)] * 2)
    assert final_model(after(values, keep), plan_of())["w"].dtype == np.float32


def test_with_none_to_keep_the_last_model_counts() -> None:
    progress = after([0.1, 0.9], keep=0)
    assert (progress.best, final_model(progress, plan_of())["w"].tolist()) == ((), [1, 1])


def test_a_round_that_was_not_scored_is_no_candidate() -> None:
    assert [one.round for one in after([0.5, float("nan"), float("inf")], keep=3).best] == [0]


def test_a_round_that_nobody_scored_is_no_candidate() -> None:
    progress = after([0.5], keep=2)
    assert with_candidate(progress, [], plan_of(keep_best=2), "ASEAN").best == progress.best
