"""q-FedAvg against algorithm 2 of the paper in plain NumPy, through rounds, frames and a resumed run."""

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
from federation.strategies.strategy import Part
from federation.training import sequential
from federation.training.cohort import engine as cohort
from federation.training.cohort.chunks import ChunkPlan
from tests.federation.federations import GRADIENT, StoppedError, Watching, ready, run, settings_of
from tests.federation.strategies.test_fednova import COUNTRIES, first_model, replies_of
from tests.federation.toy import SHIFT, SLOPE, ToySettings, training_windows
from tests.federation.training.clients import OPTIMIZERS, RAGGED, Federation, clients_of, perceptron
from tests.federation.vault.requesting import plan_of

pytestmark = pytest.mark.usefixtures("toy")
UNLIKE = ToySettings(heterogeneity=0.9)
STEPS = replace(GRADIENT, batch_size=40, epochs=2, lr=0.05)


def squared_error(folder: Path, country: str, model: dict[str, Any]) -> float:
    """The loss of this model over a country's training records."""
    data = training_windows(folder / country, country, UNLIKE)
    output = data.inputs["recent"].astype(np.float64) @ model[SLOPE].T + model[SHIFT]
    return float(np.nanmean(np.square(output - data.target)))


def q_step(start: dict[str, Any], replies: dict[str, Any], losses: dict[str, float], q: float, lr: float) -> Any:
    """Algorithm 2, lines 5 to 7, weighted by examples, for L = 1 / lr."""
    steepness, total = 1 / lr, sum(header["examples"] for header, _ in replies.values())
    moved, bound = {name: np.zeros(value.shape) for name, value in start.items()}, 0.0
    for country, (header, update) in replies.items():
        share, loss = header["examples"] / total, losses[country]
        gradient = {name: -steepness * value.astype(np.float64) for name, value in update.items()}
        square = sum(np.square(value).sum() for value in gradient.values())
        for name, value in gradient.items():
            moved[name] += share * loss**q * value
        bound += share * (q * loss ** (q - 1) * square + steepness * loss**q)
    return {name: value - moved[name] / bound for name, value in start.items()}


@pytest.mark.parametrize("q", [0.0, 0.5, 2.0])
def test_a_round_is_the_papers(tmp_path: Path, q: float) -> None:
    settings = settings_of(
        tmp_path, COUNTRIES, strategy="qfedavg", chosen={"q": q}, training=STEPS, task=UNLIKE, rounds=1
    )
    ran = run(ready(settings))
    replies, start = replies_of(ran, 1), first_model()
    losses = {country: squared_error(ran.ready.run.folder / "data", country, start) for country in COUNTRIES}
    for country, (header, _) in replies.items():
        assert header["start_loss"] == pytest.approx(losses[country], rel=1e-5)
        assert header["start_loss"] != pytest.approx(header["loss"], rel=1e-2)  # that of a training under way
    expected = q_step(start, replies, losses, q, STEPS.lr)
    for name, value in ran.weights.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6)
        assert np.abs(value - start[name]).max() > 1e-3


def test_a_loss_is_believed_up_to_a_hundred_times_the_median() -> None:
    plan = plan_of("qfedavg")
    parts = [Part(weight=1.0, change={"w": np.ones(2, np.float32)}, examples=9, steps=1, start_loss=1.0)] * 4
    wild, most, less = (
        STRATEGIES["qfedavg"].adjust([*parts, replace(parts[0], start_loss=loss)], plan, 1)[-1].change["w"][0]
        for loss in (1e300, 100.0, 99.0)
    )
    assert wild == most > less


def test_a_resumed_run_ends_in_the_same_bits(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, COUNTRIES, strategy="qfedavg", training=STEPS, task=UNLIKE)
    whole = run(ready(settings))
    broken = replace(settings, runs=str(tmp_path / "broken"))
    with pytest.raises(StoppedError):
        run(ready(broken), Watching(stop=("before checkpoint", 2)))
    ended = run(simulation.resume(broken.runs, tmp_path / "broken" / "run"))
    assert all(value.tobytes() == ended.weights[name].tobytes() for name, value in whole.weights.items())


def test_a_country_that_keeps_its_losses_does_not_count_and_is_named(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, COUNTRIES, strategy="qfedavg", training=STEPS, rounds=1)
    ran = run(ready(settings, {"THA": "round_scores = false"}))
    refused = {summary.country: summary.refused for summary in ran.reports[0].summaries}
    assert refused["KHM"] is refused["VNM"] is None
    assert "THA keeps its losses" in str(refused["THA"])
    assert "choose another strategy" in str(refused["THA"])
    assert ran.outcome.progress.last_aggregated == {"KHM": 1, "VNM": 1}


def test_the_cohort_finds_the_losses_that_the_sequential_trainer_finds() -> None:
    federation = Federation(
        clients=clients_of(RAGGED), build=perceptron, strategy=STRATEGIES["qfedavg"], settings=OPTIMIZERS["sgd"]
    )
    jobs = federation.jobs(1)
    alone, together = sequential.run(jobs), cohort.run(jobs, plan=ChunkPlan(chunk=4))
    for one, other in zip(alone, together, strict=True):
        if one.job.arm == "local":
            assert one.start_loss is other.start_loss is None
        else:
            assert one.start_loss == pytest.approx(other.start_loss, rel=1e-6)
            assert one.steps == 1 or one.start_loss != pytest.approx(one.loss, rel=1e-3)


@pytest.mark.parametrize("training", [TrainingSettings(), replace(GRADIENT, momentum=0.5)], ids=["adamw", "momentum"])
def test_other_steps_than_gradients_are_refused_with_the_remedy(training: TrainingSettings) -> None:
    plan = Plan(task=ToySettings(), strategy=STRATEGIES["qfedavg"].settings(), training=training)
    with pytest.raises(ConfigError, match="set training=sgd"):
        STRATEGIES["qfedavg"].fits(plan)
