"""The plain trainer against arithmetic done by hand: every faster engine is held against this one."""

from dataclasses import replace
from math import isnan
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.settings.parts import TrainingSettings
from federation.training.jobs import ClientHalf, Finished, Job
from federation.training.sequential import batches, run
from tasks.data import DenseWindows
from tests.federation.federations import FULL, GRADIENT
from tests.federation.toy import SHIFT, SLOPE, Line, loss


def windows(examples: int = 24, seed: int = 0) -> DenseWindows:
    generator = np.random.default_rng(seed)
    recent = generator.standard_normal((examples, 2)).astype(np.float32)
    target = (recent @ np.array([[0.8, -0.5], [-0.5, 0.0]]).T + 0.3).astype(np.float32)
    months = np.datetime64("1999-01", "M") + np.arange(examples)
    return DenseWindows(
        country="VNM",
        places=("p",),
        inputs={"recent": recent},
        target=target,
        observed=target.astype(np.float64),
        restore={},
        place=np.zeros(examples, np.int64),
        origin=months,
        due=months[:, None] + np.arange(1, 3),
        part=np.full(examples, "train"),
    )


def job(**chosen: Any) -> Job:
    values: dict[str, Any] = {
        "country": "VNM",
        "arm": "federated",
        "model": Line(0),
        "loss": loss,
        "start": {name: value.detach() for name, value in Line(3).named_parameters()},
        "train": windows(),
        "score": None,
        "settings": GRADIENT,
        "client": ClientHalf(),
        "lr": 0.1,
        "seed": 5,
    }
    return Job(**values | chosen)


def descended(steps: int, lr: float, add: float = 0.0, data: DenseWindows | None = None) -> dict[str, Any]:
    """Gradient descent on the mean squared error with a constant added to every gradient, in NumPy alone."""
    data = data or windows()
    x, y = data.inputs["recent"].astype(np.float64), data.target.astype(np.float64)
    known = np.isfinite(y)
    w, b = (job().start[name].numpy().astype(np.float64) for name in (SLOPE, SHIFT))
    for _ in range(steps):
        slope = 2 * np.where(known, x @ w.T + b - np.where(known, y, 0), 0) / known.sum()
        w, b = w - lr * (slope.T @ x + add), b - lr * (slope.sum(axis=0) + add)
    return {SLOPE: w, SHIFT: b}


def trained(one: Job) -> dict[str, Any]:
    (result,) = run([one])
    assert result.params is not None
    return {name: value.numpy() for name, value in result.params.items()}


def near(values: dict[str, Any], expected: dict[str, Any]) -> bool:
    return all(np.allclose(values[name], expected[name], atol=2e-6) for name in expected)


@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_full_batches_are_gradient_descent(epochs: int) -> None:
    assert near(trained(job(settings=replace(GRADIENT, epochs=epochs))), descended(epochs, 0.1))


def test_targets_that_were_not_reported_do_not_count() -> None:
    data = windows()
    data.target[::3, 1] = np.nan
    assert near(trained(job(train=data)), descended(1, 0.1, data=data))


@pytest.mark.parametrize("chosen", [GRADIENT, TrainingSettings(epochs=1), replace(GRADIENT, momentum=0.9)])
def test_batches_are_steps_of_torchs_own_optimisers(chosen: TrainingSettings) -> None:
    one = job(settings=replace(chosen, batch_size=5, epochs=3, clip_gradient=0.7))
    data, model = windows(), Line(3)
    x, y = torch.from_numpy(data.inputs["recent"]), torch.from_numpy(data.target)
    optimizer = (
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=chosen.momentum)
        if chosen.optimizer == "sgd"
        else torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.01)
    )
    for rows in batches(one, len(data)):
        optimizer.zero_grad()
        torch.autograd.backward(loss(model({"recent": x[rows]}, None), y[rows]))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.7)
        optimizer.step()
    expected = {name: value.detach().numpy() for name, value in model.named_parameters()}
    assert near(trained(one), expected)


def test_the_batches_of_an_epoch_hold_every_example_once() -> None:
    one = job(settings=replace(GRADIENT, epochs=3, batch_size=7))
    drawn = [rows.tolist() for rows in batches(one, 24)]
    assert [len(rows) for rows in drawn] == [7, 7, 7, 3] * 3
    epochs = [[row for rows in drawn[i : i + 4] for row in rows] for i in (0, 4, 8)]
    assert all(sorted(epoch) == list(range(24)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_the_seed_decides_and_nothing_else() -> None:
    small = replace(GRADIENT, batch_size=5)
    torch.manual_seed(1)
    first = trained(job(settings=small))
    torch.manual_seed(2)
    torch.rand(3)
    again = trained(job(settings=small, country="THA", arm="local"))
    other = trained(job(settings=small, seed=6))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first[SLOPE], other[SLOPE])


def test_jobs_do_not_touch_one_another_nor_what_they_were_given() -> None:
    jobs = [job(seed=seed, train=windows(10 + seed)) for seed in range(3)]
    before = [{name: value.clone() for name, value in one.start.items()} for one in jobs]
    together = run(jobs)
    assert [result.job for result in together] == jobs
    for result, start in zip(together, before, strict=True):
        assert result.params is not None
        assert all(result.job.start[name].equal(value) for name, value in start.items())
        alone = trained(result.job)
        assert all(np.array_equal(alone[name], value.numpy()) for name, value in result.params.items())


@pytest.mark.parametrize("train", [None, windows(0)], ids=["no training", "no windows"])
def test_with_nothing_to_learn_from_nothing_is_learnt(train: DenseWindows | None) -> None:
    memory = {"c": torch.ones(2)}
    (result,) = run([job(train=train, score=windows(4), memory=memory)])
    assert (result.params, result.steps) == (None, 0)
    assert isnan(result.loss)
    assert result.finished == Finished(memory=memory)
    assert result.output is not None
    assert result.output.shape == (4, 2, 1)


@pytest.mark.parametrize("after", [False, True])
def test_scoring_is_with_the_weights_it_should_be(after: bool) -> None:
    data = windows(9, seed=4)
    (result,) = run([job(score=data, score_trained=after)])
    assert result.output is not None
    weights = descended(1, 0.1) if after else descended(0, 0.1)
    expected = data.inputs["recent"] @ weights[SLOPE].T + weights[SHIFT]
    assert np.allclose(result.output[..., 0], expected, atol=1e-5)
    assert result.output.dtype == np.float64


def test_nothing_to_score_is_an_empty_forecast() -> None:
    (result,) = run([job(score=windows(0))])
    assert result.output is not None
    assert result.output.shape == (0, 2, 1)


def test_the_loss_reported_is_the_mean_of_the_last_epoch() -> None:
    (result,) = run([job(settings=replace(GRADIENT, epochs=4))])
    weights, data = descended(3, 0.1), windows()
    error = data.inputs["recent"] @ weights[SLOPE].T + weights[SHIFT] - data.target
    assert result.loss == pytest.approx(float(np.square(error).mean()), rel=1e-4)
    assert result.steps == 4


@given(mu=st.floats(0, 3))
@settings(max_examples=25)
def test_a_penalty_is_added_to_every_loss(mu: float) -> None:
    def half_square(params: Any, start: Any) -> torch.Tensor:  # noqa: ARG001
        return mu / 2 * torch.stack([value.square().sum() for value in params.values()]).sum()

    params = trained(job(client=ClientHalf(penalty=half_square)))
    start, plain = job().start, descended(1, 0.1)
    assert near(params, {name: plain[name] - 0.1 * mu * start[name].numpy() for name in plain})


@given(add=st.floats(-2, 2))
@settings(max_examples=25)
def test_a_correction_is_added_to_every_gradient_after_clipping(add: float) -> None:
    client = ClientHalf(correction=lambda shared, memory: {name: shared[name] + memory[name] for name in shared})
    halves = {name: torch.full_like(value, add / 2) for name, value in job().start.items()}
    one = job(client=client, shared=halves, memory=halves, settings=replace(GRADIENT, epochs=3))
    assert near(trained(one), descended(3, 0.1, add))
    clipped = trained(replace(one, settings=replace(GRADIENT, clip_gradient=1e-9)))
    assert near(clipped, {name: value.numpy() - 0.1 * add for name, value in one.start.items()})


@given(limit=st.floats(1e-3, 10))
@settings(max_examples=25)
def test_no_gradient_is_longer_than_the_clip(limit: float) -> None:
    params = trained(job(settings=replace(GRADIENT, clip_gradient=limit)))
    step = np.sqrt(sum(np.square(params[name] - value.numpy()).sum() for name, value in job().start.items()))
    whole = descended(1, 0.1)
    length = np.sqrt(sum(np.square(whole[name] - value.numpy()).sum() for name, value in job().start.items()))
    assert step == pytest.approx(min(0.1 * limit, length), rel=1e-3)


def test_a_client_half_finishes_with_start_end_and_the_way_between() -> None:
    seen: list[Any] = []

    def finish(start: Any, end: Any, travelled: float, shared: Any, memory: Any) -> Finished:
        seen.append((start, end, travelled, shared, memory))
        return Finished(released={"r": torch.ones(1)}, memory={"m": torch.zeros(1)})

    one = job(client=ClientHalf(finish=finish), settings=replace(GRADIENT, epochs=3), shared={"s": torch.ones(1)})
    (result,) = run([one])
    ((start, end, travelled, shared, memory),) = seen
    assert result.params is not None
    assert all(end[name].equal(value) for name, value in result.params.items())
    assert all(start[name].equal(value) for name, value in one.start.items())
    assert travelled == pytest.approx(0.3)
    assert (set(shared), memory) == ({"s"}, {})
    assert (set(result.finished.released), set(result.finished.memory)) == ({"r"}, {"m"})


def test_a_batch_of_everything_is_one_step() -> None:
    assert len(windows()) < FULL
    assert run([job()])[0].steps == 1


@pytest.mark.parametrize(("steps", "sizes"), [(3, [7, 7, 7]), (10, [7, 7, 7, 3, 7, 7, 7, 3, 7, 7])])
def test_steps_go_on_from_permutation_to_permutation(steps: int, sizes: list[int]) -> None:
    """As many batches as the job sets, the first of them those of epochs."""
    one = job(settings=replace(GRADIENT, epochs=None, steps=steps, batch_size=7))
    drawn = [rows.tolist() for rows in batches(one, 24)]
    assert [len(rows) for rows in drawn] == sizes
    as_epochs = [rows.tolist() for rows in batches(job(settings=replace(GRADIENT, epochs=3, batch_size=7)), 24)]
    assert drawn == as_epochs[:steps]
    (result,) = run([one])
    assert result.steps == steps


def test_so_many_steps_are_gradient_descent_of_that_length() -> None:
    assert near(trained(job(settings=replace(GRADIENT, epochs=None, steps=5))), descended(5, 0.1))


def test_the_loss_of_few_steps_is_their_mean() -> None:
    """Two batches of twelve in one order, and the same two cut short after the first."""
    one = job(settings=replace(GRADIENT, epochs=None, steps=1, batch_size=12))
    first = next(batches(one, 24))
    data = windows().take(first.numpy())
    x, y = torch.from_numpy(data.inputs["recent"]), torch.from_numpy(data.target)
    expected = loss(torch.func.functional_call(Line(0), dict(one.start), ({"recent": x}, None)), y).item()
    assert run([one])[0].loss == pytest.approx(expected, rel=1e-6)
