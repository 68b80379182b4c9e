"""SCAFFOLD's control variates: their sum, and the drift they take away."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from federation.errors import ConfigError
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES
from federation.strategies.scaffold import correction, finish, merge
from federation.wire.frame import decode
from tests.federation.coordinator.tampering import only, run_tampered
from tests.federation.federations import FOUR, GRADIENT, FederationOf, Ran, ready, run, settings_of
from tests.federation.strategies.test_contract import away
from tests.federation.toy import ToySettings
from tests.whole import IN_FULL

pytestmark = pytest.mark.usefixtures("toy")
LOCAL_STEPS = replace(GRADIENT, epochs=10, lr=0.05)
UNLIKE = ToySettings(heterogeneity=0.9)


def mean_variate(ran: Ran) -> dict[str, Any]:
    """The mean of the countries' own control variates, as their vaults remember them."""
    variates = [
        decode(memory).group("strategy")
        for (memory,) in ran.ready.vaults[2].database.execute(
            "SELECT memory FROM state WHERE round = (SELECT max(round) FROM state AS s WHERE s.country = state.country)"
        )
    ]
    assert len(variates) == len(ran.ready.vaults)
    return {name: np.mean([one[name] for one in variates], axis=0) for name in variates[0]}


def near(one: Any, other: Any) -> bool:
    return all(np.allclose(one[name], other[name], atol=1e-5) for name in one)


def test_the_servers_variate_is_the_mean_of_the_countries(federation_of: FederationOf) -> None:
    ran = federation_of(strategy="scaffold", task=UNLIKE, training=LOCAL_STEPS)
    assert near(mean_variate(ran), ran.outcome.progress.shared)
    assert all(np.abs(value).max() > 1e-4 for value in ran.outcome.progress.shared.values())


def test_so_it_is_when_only_some_take_part(federation_of: FederationOf) -> None:
    ran = federation_of(strategy="scaffold", task=UNLIKE, training=LOCAL_STEPS, participation=0.5, rounds=6)
    assert near(mean_variate(ran), ran.outcome.progress.shared)


def test_so_it_is_with_a_number_of_steps(federation_of: FederationOf) -> None:
    """Each variate is the mean gradient over as many steps as there were."""
    training = replace(LOCAL_STEPS, epochs=None, steps=7, batch_size=40)
    ran = federation_of(strategy="scaffold", task=UNLIKE, training=training, rounds=1)
    assert near(mean_variate(ran), ran.outcome.progress.shared)
    database = ran.ready.vaults[2].database
    for reply, memory in database.execute("SELECT reply, memory FROM state WHERE round = 1"):
        update, variate = decode(reply).group("update"), decode(memory).group("strategy")
        assert decode(reply).header["steps"] == 7
        assert near({name: -value / (7 * training.lr) for name, value in update.items()}, variate)


@pytest.mark.skipif(not IN_FULL, reason="that it does not drift is a test of every run: scripts/prove ends")
def test_near_the_best_model_the_gradients_of_the_countries_cancel(federation_of: FederationOf) -> None:
    ran = federation_of(strategy="scaffold", task=UNLIKE, training=replace(LOCAL_STEPS, epochs=5), rounds=30)
    assert all(np.abs(value).max() < 0.05 for value in ran.outcome.progress.shared.values())


def test_it_does_not_drift_where_fedavg_does(federation_of: FederationOf) -> None:
    chosen: dict[str, Any] = {"task": UNLIKE, "training": LOCAL_STEPS, "rounds": 30, "arms": ["federated"]}
    scaffold = federation_of(strategy="scaffold", **chosen)
    fedavg = federation_of(strategy="fedavg", chosen={"weights": "equal"}, **chosen)
    assert away(fedavg) > 0.02  # several local steps on unlike countries do not end at the best
    assert away(scaffold) < away(fedavg) / 5


def test_a_country_that_shrinks_what_it_releases_moves_its_own_variate_as_little(tmp_path: Any) -> None:
    chosen = settings_of(tmp_path, FOUR, strategy="scaffold", task=UNLIKE, training=LOCAL_STEPS)
    ran = run(ready(chosen, {"VNM": "largest_update = 0.1"}))
    assert near(mean_variate(ran), ran.outcome.progress.shared)
    unbounded = run(ready(replace(chosen, runs=str(tmp_path / "unbounded"))))
    assert not near(ran.outcome.progress.shared, unbounded.outcome.progress.shared)  # the bound was felt


@given(c=st.floats(-2, 2), own=st.lists(st.floats(-2, 2), min_size=1, max_size=4), absent=st.integers(0, 3))
@limits(max_examples=50)
def test_merging_keeps_the_mean(c: float, own: list[float], absent: int) -> None:
    """If c is the mean of all c_i, then it is so after any of them changed and sent the change."""
    countries = len(own) + absent
    rest = c * countries - sum(own)  # what those who are absent hold together
    new = [value + 1.5 for value in own]
    released = [{"w": np.array([after - before])} for after, before in zip(new, own, strict=True)]
    merged = merge({"w": np.array([c])}, released, countries)
    assert merged["w"][0] == pytest.approx((rest + sum(new)) / countries)


def test_the_formulas_are_those_of_the_paper() -> None:
    start, end = {"w": torch.tensor([1.0])}, {"w": torch.tensor([0.4])}
    shared, memory = {"w": torch.tensor([0.5])}, {"w": torch.tensor([0.2])}
    assert correction(shared, memory)["w"].item() == pytest.approx(0.3)
    finished = finish(start, end, 0.3, shared, memory)
    assert finished.memory["w"].item() == pytest.approx(0.2 - 0.5 + 0.6 / 0.3)
    assert finished.released["w"].item() == pytest.approx(-0.5 + 0.6 / 0.3)


@pytest.mark.parametrize(
    "training",
    [TrainingSettings(), replace(GRADIENT, momentum=0.9), replace(GRADIENT, clip_gradient=1.0)],
    ids=["adamw", "momentum", "clipped"],
)
def test_steps_that_are_no_gradients_are_refused_with_the_remedy(training: TrainingSettings) -> None:
    plan = Plan(task=ToySettings(), strategy=STRATEGIES["scaffold"].settings(), training=training)
    with pytest.raises(ConfigError, match="set training=sgd"):
        STRATEGIES["scaffold"].fits(plan)


def test_a_country_that_was_left_out_does_not_bend_the_variates(tmp_path: Any) -> None:
    """Its reply was lost on the way: its vault goes on from what the server knows of it."""
    fault = only("VNM", lambda frame: [] if frame.header["round"] == 2 else [frame])
    prepared = ready(settings_of(tmp_path, FOUR, strategy="scaffold", task=UNLIKE, training=LOCAL_STEPS, retries=0))
    ran = run_tampered(prepared, fault)
    assert near(mean_variate(ran), ran.outcome.progress.shared)
