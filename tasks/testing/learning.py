"""The model and the loss of a task."""

import random

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vmap

from tasks.models.batching import unbatched
from tasks.testing.example import Check, Example, moved_weights, outputs, tensors


def check_seed_alone_decides_the_weights(example: Example) -> None:
    """The global generators neither decide the weights nor change."""

    def weights(seed: int) -> dict[str, Tensor]:
        return dict(example.task.build_model(example.settings, seed).state_dict())

    torch.manual_seed(1)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # type: ignore[index]
    first = weights(1)
    assert torch.equal(torch.get_rng_state(), states[0]), "building a model draws from torch's global generator"
    assert random.getstate() == states[1], "building a model draws from Python's global generator"
    assert np.array_equal(np.random.get_state()[1], states[2]), (  # type: ignore[index]
        "building a model draws from numpy's global generator"
    )
    torch.manual_seed(2)
    again, other = weights(1), weights(2)
    assert all(torch.equal(weight, again[name]) for name, weight in first.items()), "one seed gave two models"
    assert any(not torch.equal(weight, other[name]) for name, weight in first.items()), "two seeds gave one model"


def check_parameters_are_the_whole_state(example: Example) -> None:
    model = example.task.build_model(example.settings, 1)
    buffers = set(model.state_dict()) - {name for name, _ in model.named_parameters()}
    assert not buffers, f"the model keeps state that is no parameter: {', '.join(sorted(buffers))}"
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}, "every parameter is state"
    for name, weight in model.named_parameters():
        assert weight.dtype == torch.float32, f"parameter {name} is {weight.dtype}, not float32"


def check_every_layer_has_a_batching_rule(example: Example) -> None:
    """A layer without one keeps clients from being trained many at a time."""
    model = example.task.build_model(example.settings, 1)
    lines = unbatched(model, tensors(example.windows.take(np.arange(1))))
    assert not lines, f"clients cannot be trained many at a time, or slowly: {'; '.join(lines)}"


def check_chunk_of_clients_trains_as_each_alone(example: Example) -> None:
    """Gradients of three clients under torch.func.vmap are those of each client by itself."""
    task, model = example.task, example.task.build_model(example.settings, 1)
    rows = np.random.default_rng(1).permutation(np.flatnonzero(example.windows.part == "train"))[:24].reshape(3, 8)
    clients = [example.windows.take(each) for each in rows]
    weights, inputs = [moved_weights(model, client) for client in range(3)], [tensors(client) for client in clients]
    target, seeds = torch.stack([torch.from_numpy(each.target) for each in clients]), torch.arange(3) + 2**50

    def loss(params: dict[str, Tensor], x: dict[str, Tensor], y: Tensor, seed: Tensor) -> Tensor:
        return task.loss(functional_call(model, params, (x, seed)), y)

    def stacked(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.stack([part[name] for part in parts]) for name in parts[0]}

    step = torch.func.grad_and_value(loss)
    gradients, losses = vmap(step)(stacked(weights), stacked(inputs), target, seeds)
    for client in range(3):
        gradient, value = step(weights[client], inputs[client], target[client], seeds[client])
        torch.testing.assert_close(losses[client], value, atol=1e-5, rtol=1e-4)
        for name, expected in gradient.items():
            torch.testing.assert_close(gradients[name][client], expected, atol=1e-5, rtol=1e-4)


def check_dropout_seed_matters_in_training_alone(example: Example) -> None:
    model = example.task.build_model(example.settings, 1)
    params, inputs = moved_weights(model, 1), tensors(example.windows.take(np.arange(16)))

    def output(seed: Tensor | None) -> Tensor:
        result: Tensor = functional_call(model, params, (inputs, seed))
        return result.detach()

    assert torch.equal(output(torch.tensor(1)), output(torch.tensor(1))), "one seed must give one output"
    assert torch.equal(output(None), output(None)), "without a seed the output must not vary"
    if getattr(example.settings, "dropout", 0):
        assert not torch.equal(output(torch.tensor(1)), output(torch.tensor(2))), "dropout must depend on the seed"


def check_loss_is_the_mean_over_reported_targets(example: Example) -> None:
    windows = example.windows.only("train").take(np.arange(40))
    output, target = torch.from_numpy(outputs(example, windows)).float(), torch.from_numpy(windows.target)
    missing = torch.full_like(target, torch.nan)
    loss = example.task.loss(output, target)
    assert loss > 0, f"the loss of some weights is {loss}"
    torch.testing.assert_close(example.task.loss(torch.cat([output, output]), torch.cat([target, missing])), loss)
    output.requires_grad_()
    nothing = example.task.loss(output, missing)
    assert nothing.item() == 0, "the loss must be 0 where no target is reported"
    (slope,) = torch.autograd.grad(nothing, output)
    assert not slope.any(), "the gradient must be 0 where no target is reported"


def check_training_lowers_the_loss(example: Example) -> None:
    windows = example.windows.only("train")
    windows = windows.take(np.flatnonzero(np.isfinite(windows.target).any(axis=1))[:200])
    model, inputs = example.task.build_model(example.settings, 1), tensors(windows)
    target = torch.from_numpy(windows.target)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for step in range(40):
        loss = example.task.loss(model(inputs, torch.tensor(step)), target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all(), f"the loss is not finite: {losses}"
    assert losses[-1] < losses[0], f"40 steps took the loss from {losses[0]:.4g} to {losses[-1]:.4g}"


LEARNING_CHECKS: tuple[Check, ...] = (
    check_seed_alone_decides_the_weights,
    check_parameters_are_the_whole_state,
    check_every_layer_has_a_batching_rule,
    check_chunk_of_clients_trains_as_each_alone,
    check_dropout_seed_matters_in_training_alone,
    check_loss_is_the_mean_over_reported_targets,
    check_training_lowers_the_loss,
)
