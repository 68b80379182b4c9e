"""FedNova against the sums of the paper in plain NumPy, through rounds, frames and a resumed run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.errors import ConfigError
from federation.runs import simulation
from federation.settings.parts import TrainingSettings
from federation.settings.plan import Plan
from federation.strategies import STRATEGIES
from federation.strategies.fednova import accumulated
from federation.wire.frame import decode
from tests.federation.federations import GRADIENT, Ran, StoppedError, Watching, ready, run, settings_of
from tests.federation.toy import Line, ToySettings

pytestmark = pytest.mark.usefixtures("toy")
COUNTRIES = ("KHM", "THA", "VNM")
UNEVEN = replace(GRADIENT, batch_size=40, epochs=2, lr=0.05)  # countries of unequal size take unequal steps


def replies_of(ran: Ran, round_: int) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """country -> header and update of the frame that left its vault."""
    rows = ran.ready.vaults[2].database.execute("SELECT country, reply FROM state WHERE round = ?", (round_,))
    frames = {country: decode(reply) for country, reply in rows}
    return {country: (dict(frame.header), dict(frame.group("update"))) for country, frame in frames.items()}


def first_model() -> dict[str, Any]:
    return {name: value.detach().numpy().astype(np.float64) for name, value in Line(1).named_parameters()}


def nova(start: dict[str, Any], replies: dict[str, Any], momentum: float) -> dict[str, Any]:
    """x + tau_eff * sum(p_i * change_i / |a_i|), every step's share in the sum counted one by one."""
    norms = {}
    for country, (header, _) in replies.items():
        velocity = np.zeros(header["steps"])  # how often each gradient is in the current velocity
        walked = np.zeros(header["steps"])
        for step in range(header["steps"]):
            velocity = momentum * velocity
            velocity[step] += 1
            walked += velocity
        norms[country] = walked.sum()
    examples = {country: header["examples"] for country, (header, _) in replies.items()}
    share = {country: many / sum(examples.values()) for country, many in examples.items()}
    mean = sum(share[country] * norms[country] for country in replies)
    return {
        name: value + mean * sum(share[c] * update[name] / norms[c] for c, (_, update) in replies.items())
        for name, value in start.items()
    }


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_a_round_is_the_papers(tmp_path: Path, momentum: float) -> None:
    training = replace(UNEVEN, momentum=momentum, lr=0.02)
    settings = settings_of(tmp_path, COUNTRIES, strategy="fednova", training=training, rounds=1)
    ran = run(ready(settings))
    replies = replies_of(ran, 1)
    assert len({header["steps"] for header, _ in replies.values()}) == 3
    expected = nova(first_model(), replies, momentum)
    for name, value in ran.weights.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6)
    averaged = run(ready(replace(settings, strategy=STRATEGIES["fedavg"].settings(), runs=str(tmp_path / "avg"))))
    assert any(np.abs(averaged.weights[name] - value).max() > 1e-3 for name, value in ran.weights.items())


def test_a_resumed_run_ends_in_the_same_bits(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, COUNTRIES, strategy="fednova", training=UNEVEN)
    whole = run(ready(settings))
    broken = replace(settings, runs=str(tmp_path / "broken"))
    with pytest.raises(StoppedError):
        run(ready(broken), Watching(stop=("after checkpoint", 2)))
    ended = run(simulation.resume(broken.runs, tmp_path / "broken" / "run"))
    assert all(value.tobytes() == ended.weights[name].tobytes() for name, value in whole.weights.items())


def test_steps_by_hand() -> None:
    """Three steps at 0.5: the gradients count 1 + 0.5 + 0.25, 1 + 0.5, and 1."""
    assert accumulated(3, 0.5) == pytest.approx(4.25)
    assert accumulated(7, 0.0) == 7


def test_adam_is_refused_with_the_remedy() -> None:
    plan = Plan(task=ToySettings(), strategy=STRATEGIES["fednova"].settings(), training=TrainingSettings())
    with pytest.raises(ConfigError, match="set training=sgd"):
        STRATEGIES["fednova"].fits(plan)


def test_with_the_same_steps_in_every_country_it_is_fedavg(tmp_path: Path) -> None:
    training = replace(UNEVEN, epochs=None, steps=5)
    nova_run, average = (
        run(ready(settings_of(tmp_path / name, COUNTRIES, strategy=name, training=training)))
        for name in ("fednova", "fedavg")
    )
    assert {header["steps"] for header, _ in replies_of(nova_run, 3).values()} == {5}
    for name, value in average.weights.items():
        np.testing.assert_allclose(nova_run.weights[name], value, atol=1e-6)
