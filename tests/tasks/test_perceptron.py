"""Quantiles that cannot cross, a start that is known, and losses that skip what was not reported."""

import random
from statistics import NormalDist

import numpy as np
import pytest
import scoringrules
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from torch.func import functional_call, grad, vmap

from tasks.data import Array
from tasks.evaluation.levels import LEVELS
from tasks.models.losses import pinball
from tasks.models.mlp import Perceptron, ascending, normal_gaps

FEATURES, HORIZONS = 6, 3


def perceptron(seed: int = 1, levels: tuple[float, ...] = LEVELS, hidden: tuple[int, ...] = (8, 5)) -> Perceptron:
    return Perceptron(features=FEATURES, horizons=HORIZONS, levels=levels, hidden=hidden, dropout=0.3, seed=seed)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shaken(model: Perceptron, seed: int) -> dict[str, Tensor]:
    """Weights away from the start, where half of them are zero."""
    return {name: weight.detach() + drawn(*weight.shape, seed=seed) for name, weight in model.named_parameters()}


@given(arrays(np.float32, (4, len(LEVELS)), elements=st.floats(-50, 50, width=32)))
def test_quantiles_never_cross_and_keep_their_middle(raw: Array) -> None:
    quantiles = ascending(torch.from_numpy(raw), normal_gaps(LEVELS))
    assert (quantiles.diff(dim=-1) >= 0).all()
    torch.testing.assert_close(quantiles[:, LEVELS.index(0.5)], torch.from_numpy(raw[:, 0]))


def test_before_training_the_forecast_is_a_standard_normal_around_the_offset() -> None:
    offset = drawn(4, HORIZONS)
    quantiles = perceptron()({"features": drawn(4, FEATURES), "offset": offset})
    normal = torch.tensor([NormalDist().inv_cdf(level) for level in LEVELS])
    torch.testing.assert_close(quantiles, offset[..., None] + normal, atol=1e-5, rtol=0)


def test_without_levels_the_forecast_is_one_logit() -> None:
    offset = drawn(4, HORIZONS)
    quantiles = perceptron(levels=())({"features": drawn(4, FEATURES), "offset": offset})
    torch.testing.assert_close(quantiles, offset[..., None])


def test_no_quantile_lies_below_the_floor() -> None:
    floor = drawn(50)
    quantiles = perceptron()({"features": drawn(50, FEATURES), "floor": floor})
    free = perceptron()({"features": drawn(50, FEATURES)})
    assert torch.equal(quantiles, torch.maximum(free, floor[:, None, None]))


def test_a_seed_decides_the_weights_and_the_global_generators_neither_decide_nor_change() -> None:
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]
    first, again, other = perceptron(1), perceptron(1), perceptron(2)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # type: ignore[index]
    assert random.getstate() == states[2]
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
    assert not torch.equal(first.state_dict()["layers.0.weight"], other.state_dict()["layers.0.weight"])


def test_parameters_are_the_whole_state() -> None:
    model = perceptron()
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("hidden", [(), (8, 5)])
def test_a_chunk_of_clients_computes_what_each_would_alone(hidden: tuple[int, ...]) -> None:
    model, clients = perceptron(hidden=hidden), 4
    weights = [shaken(model, client) for client in range(clients)]
    features, target = drawn(clients, 9, FEATURES), drawn(clients, 9, HORIZONS)
    seeds = torch.arange(clients) + 2**40

    def loss(params: dict[str, Tensor], x: Tensor, y: Tensor, seed: Tensor) -> Tensor:
        return pinball(functional_call(model, params, ({"features": x}, seed)), y, LEVELS)

    stacked = {name: torch.stack([each[name] for each in weights]) for name in weights[0]}
    together = vmap(grad(loss))(stacked, features, target, seeds)
    for client in range(clients):
        alone = grad(loss)(weights[client], features[client], target[client], seeds[client])
        for name, gradient in alone.items():
            torch.testing.assert_close(together[name][client], gradient, atol=1e-5, rtol=1e-4)


def test_dropout_works_in_training_only() -> None:
    model = perceptron()
    inputs, weights = {"features": drawn(9, FEATURES)}, shaken(model, 1)
    rest = functional_call(model, weights, (inputs, None))
    assert torch.equal(rest, functional_call(model, weights, (inputs, None)))
    assert not torch.equal(rest, functional_call(model, weights, (inputs, torch.tensor(1))))


def test_pinball_equals_another_librarys_crps_from_quantiles() -> None:
    output, target = drawn(50, HORIZONS, len(LEVELS)).sort(dim=-1).values, drawn(50, HORIZONS, seed=1)
    theirs = scoringrules.crps_quantile(target.numpy(), output.numpy(), np.array(LEVELS)).mean() / 2
    assert pinball(output, target, LEVELS).item() == pytest.approx(theirs, rel=1e-5)


@given(st.lists(st.booleans(), min_size=12, max_size=12))
def test_what_was_not_reported_counts_for_nothing(gone: list[bool]) -> None:
    reported = ~torch.tensor(gone).reshape(4, HORIZONS)
    output, target = drawn(4, HORIZONS, len(LEVELS)), drawn(4, HORIZONS, seed=1)
    masked = torch.where(reported, target, torch.nan)
    pairs = zip(output[reported], target[reported], strict=True)
    points = [pinball(one[None, None], happened[None, None], LEVELS).item() for one, happened in pairs]
    mean_loss = pinball(output.requires_grad_(), masked, LEVELS)
    assert mean_loss.item() == pytest.approx(np.mean(points) if points else 0, rel=1e-5)
    (slope,) = torch.autograd.grad(mean_loss, output)
    assert torch.isfinite(slope).all()
    assert not slope[~reported].any()
