"""Frozen parameters and buffers neither train nor travel: a federation against a loop written out by hand.

The model has a frozen matrix, a table as a buffer, and a batch norm, whose running statistics are buffers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from federation.composition.compose import settings_of as composed
from federation.coordinator import checkpoint
from federation.coordinator.rounds import begin
from federation.forecasting import ForecastRequest, issue
from federation.runs import simulation
from federation.settings.parts import TrainingSettings
from federation.settings.values import plain
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.training.cohort import engine as cohort
from federation.training.cohort import grouping
from federation.training.cohort.chunks import ChunkPlan
from federation.training.jobs import Job, Result
from federation.vault.requests import fresh
from federation.wire.frame import decode
from tasks.models.weights import built, constants, trainable
from tasks.registry import TASKS
from tests.federation.federations import GRADIENT, Ran, ready, run, settings_of
from tests.federation.toy import TOY, ToySettings, loss, training_windows
from tests.federation.training.clients import FEATURES, HORIZONS, Federation, clients_of, squared
from tests.whole import IN_FULL

COUNTRIES = ("THA", "VNM")
TRAINED = {"scale", "norm.weight", "norm.bias", "head.bias"}


class Mixed(nn.Module):
    """(N, F) -> (N, H, 1). frozen: (F, H); table: (H,), a buffer; norm: constants are its running statistics."""

    def __init__(self, seed: int, features: int = 2, name: str = "recent", *, norm: bool = True) -> None:
        super().__init__()
        self.name = name
        draw = torch.Generator().manual_seed(seed)
        self.norm = nn.BatchNorm1d(features) if norm else nn.Identity()
        self.frozen = nn.Parameter(torch.randn(features, 2, generator=draw), requires_grad=False)
        self.register_buffer("table", torch.randn(2, generator=draw))
        self.scale = nn.Parameter(torch.randn(2, generator=draw) / 10)
        self.head = nn.ParameterDict({"bias": torch.zeros(2)})
        self.table: Tensor

    def forward(self, inputs: Mapping[str, Tensor], seed: Tensor | None) -> Tensor:  # noqa: ARG002
        hidden = self.norm(inputs[self.name]) @ self.frozen + self.table
        output: Tensor = self.scale * hidden + self.head["bias"]
        return output.unsqueeze(-1)


def by_hand(weights: Mapping[str, Tensor], fixed: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """The same written out: the batch norm divides by the deviation that it was built with, 1."""
    normed = x / np.sqrt(1 + 1e-5) * weights["norm.weight"] + weights["norm.bias"] if "norm.weight" in weights else x
    output = weights["scale"] * (normed @ fixed["frozen"] + fixed["table"]) + weights["head.bias"]
    return output.unsqueeze(-1)


def descended(
    start: Mapping[str, Tensor],
    fixed: Mapping[str, Tensor],
    data: tuple[Tensor, Tensor],
    rows: list[Tensor],
    lr: float,
    loss: Callable[[Tensor, Tensor], Tensor],
) -> dict[str, Tensor]:
    """Plain gradient steps over batches of these rows."""
    weights = {name: value.clone().requires_grad_() for name, value in start.items()}
    for each in rows:
        value = loss(by_hand(weights, fixed, data[0][each]), data[1][each])
        slopes = torch.autograd.grad(value, list(weights.values()))
        weights = {
            name: (old - lr * slope).detach().requires_grad_()
            for (name, old), slope in zip(weights.items(), slopes, strict=True)
        }
    return {name: value.detach() for name, value in weights.items()}


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy task with that model."""
    task = replace(TOY, build_model=lambda settings, seed: Mixed(seed))  # noqa: ARG005
    monkeypatch.setitem(TASKS, "toy", task)


def federated_by_hand(ran: Ran, start: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """FedAvg of full gradient steps: two countries, three rounds."""
    settings = ran.ready.run.settings
    assert isinstance(settings.task, ToySettings)
    first = Mixed(settings.seed)
    fixed = {"frozen": first.frozen, "table": first.table}
    model = dict(start or {name: value.detach() for name, value in first.named_parameters() if name in TRAINED})
    folder = ran.ready.run.folder / "data"
    parts = [training_windows(folder / country, country, settings.task) for country in COUNTRIES]
    for _ in range(settings.rounds):
        ends = []
        for part in parts:
            data = torch.from_numpy(part.inputs["recent"]), torch.from_numpy(part.target)
            ends.append(descended(model, fixed, data, [torch.arange(len(part))], settings.training.lr, loss))
        sizes = [int(np.isfinite(part.target).sum(axis=0).max()) for part in parts]
        model = {
            name: torch.stack([size / sum(sizes) * end[name] for size, end in zip(sizes, ends, strict=True)]).sum(0)
            for name in TRAINED
        }
    return model


def near(arrays: Mapping[str, Any], expected: Mapping[str, Any], atol: float = 1e-5) -> bool:
    assert set(arrays) == set(expected)
    return all(np.allclose(np.asarray(arrays[name]), np.asarray(expected[name]), atol=atol) for name in expected)


@pytest.mark.usefixtures("mixed")
def test_a_federation_trains_and_sends_nothing_else(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, COUNTRIES, arms=["federated", "local"])
    ran = run(ready(settings))
    assert near(ran.weights, federated_by_hand(ran))
    database = ran.ready.vaults[2].database
    for reply, memory in database.execute("SELECT reply, memory FROM state WHERE kind = 'train'"):
        sent = {name.removeprefix("update/") for name in decode(reply).arrays if name.startswith("update/")}
        assert sent == TRAINED
        assert {name.split("/")[-1] for name in decode(memory).arrays if "last/" in name} == TRAINED
    settings_again = replace(settings, start_from="run", name="later", runs=str(tmp_path / "runs"))
    checkpoint.save_model(ran.ready.run.folder, "run", ran.outcome.model)
    progress = begin(
        replace(ran.ready.run.federation, settings=settings_again), checkpoint.load_model(ran.ready.run.folder)
    )
    assert near(progress.model, ran.weights, 0)
    again = simulation.resume(settings.runs, ran.ready.run.folder)
    assert near(again.run.progress.model, ran.weights, 0)


@pytest.mark.usefixtures("mixed")
def test_a_forecast_is_the_models_with_the_constants_of_its_run(tmp_path: Path) -> None:
    """Another seed than 0 or 1, so that constants of no other model fit."""
    ran = run(ready(settings_of(tmp_path, COUNTRIES, seed=7)))
    checkpoint.save_model(ran.ready.run.folder, "run", ran.outcome.model)
    request = ForecastRequest(
        data=ran.ready.run.folder / "data",
        country="VNM",
        sent=np.datetime64("2009-01-01").astype("datetime64[s]").item(),
        sender="",
        cost_loss=None,
        samples=1,
        seed=1,
    )
    _, issued = issue(ran.ready.run.folder, request)
    first = Mixed(7)
    weights = {name: torch.from_numpy(value) for name, value in ran.weights.items()}
    inputs = torch.from_numpy(issued.windows.inputs["recent"])
    expected = by_hand(weights, {"frozen": first.frozen, "table": first.table}, inputs)
    np.testing.assert_allclose(issued.forecast, expected.detach().numpy(), atol=1e-5)


@pytest.mark.usefixtures("mixed")
def test_every_country_builds_the_same_constants(tmp_path: Path) -> None:
    plan = settings_of(tmp_path, COUNTRIES, seed=3).plan()
    one, other = fresh(TASKS["toy"], plan), fresh(TASKS["toy"], plan)
    assert set(one.weights) == TRAINED
    assert set(constants(one.model)) == {
        *("frozen", "table", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked")
    }
    assert all(torch.equal(value, constants(other.model)[name]) for name, value in constants(one.model).items())


def jobs(training: TrainingSettings, *, norm: bool) -> list[Job]:
    federation = Federation(
        clients=clients_of((9, 1, 24, 16, 5, 40)),
        build=lambda seed: Mixed(seed, FEATURES, "features", norm=norm).eval(),
        strategy=STRATEGIES["fedavg"],
        settings=training,
        arms=("federated",),
    )
    return federation.jobs(1)


def _one_after_another(jobs: list[Job]) -> list[Result]:
    return sequential.run(jobs)


ENGINES: dict[str, Callable[[list[Job]], list[Result]]] = {
    "sequential": _one_after_another,
    "cohort": lambda jobs: cohort.run(jobs, plan=ChunkPlan(chunk=4)),
    "compiled": lambda jobs: cohort.run(jobs, plan=ChunkPlan(chunk=3, compiled=True)),
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method:DeprecationWarning")  # torch's compiler imports it
@pytest.mark.parametrize(
    ("engine", "norm"), [("sequential", True), ("cohort", True), *([("compiled", False)] if IN_FULL else [])]
)
def test_every_engine_leaves_constants_alone(engine: str, norm: bool, caplog: pytest.LogCaptureFixture) -> None:
    assert HORIZONS == 2
    training = replace(GRADIENT, batch_size=8, epochs=2, lr=0.05)
    some = jobs(training, norm=norm)
    before = [{name: value.clone() for name, value in constants(job.model).items()} for job in some]
    for job, result, fixed in zip(some, ENGINES[engine](some), before, strict=True):
        assert job.train is not None
        assert job.score is not None
        assert result.params is not None
        data = torch.from_numpy(job.train.inputs["features"]), torch.from_numpy(job.train.target)
        rows = list(sequential.batches(job, len(job.train)))
        expected = descended(job.start, fixed, data, rows, 0.05, squared)
        assert near(result.params, expected)
        assert result.output is not None
        forecast = by_hand(job.start, fixed, torch.from_numpy(job.score.inputs["features"]))
        np.testing.assert_allclose(result.output, forecast.detach().numpy(), atol=1e-5)
        assert all(torch.equal(value, fixed[name]) for name, value in constants(job.model).items())
    assert "one by one" not in caplog.text
    assert "slower" not in caplog.text


def test_models_that_differ_in_a_constant_share_no_step() -> None:
    one, other = Mixed(1), Mixed(1)
    assert grouping.structure(one) == grouping.structure(other)
    with torch.no_grad():
        other.frozen.add_(1)
    assert grouping.structure(one) != grouping.structure(other)


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")  # while MLflow imports itself
@pytest.mark.usefixtures("mixed")
def test_a_pyfunc_of_a_run_has_its_constants(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Loaded back from the files that a run leaves for MLflow."""
    from mlflow import pyfunc

    from federation.tracking import model

    ran = run(ready(settings_of(tmp_path, COUNTRIES, seed=7, rounds=1)))
    inputs = {"recent": np.ones((3, 2), np.float32)}
    network, weights = Mixed(7), {name: torch.from_numpy(value) for name, value in ran.weights.items()}
    output = by_hand(weights, {"frozen": network.frozen, "table": network.table}, torch.ones(3, 2)).detach().numpy()
    folder = model.write(
        tmp_path / "model",
        ran.weights,
        task="toy",
        settings=plain(ToySettings()),
        seed=7,
        example=inputs,
        output=output,
    )
    model.save(folder, tmp_path / "saved")
    predicted = pyfunc.load_model(str(tmp_path / "saved")).predict(inputs)
    np.testing.assert_allclose(predicted, output, atol=1e-6)
    capfd.readouterr()


def test_the_three_tasks_train_all_they_have() -> None:
    """Their models have no constants, so this version sends what the one before did."""
    for name, task in TASKS.items():
        settings = composed([f"task={name}"]).task
        model = built(task, settings, 1)
        assert set(trainable(model)) == set(dict(model.named_parameters()))
        assert constants(model) == {}
