"""FedProx holds a country near the model it started from."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from torch import nn

from federation.strategies.fedprox import penalty
from tests.federation.federations import GRADIENT, FederationOf

pytestmark = pytest.mark.usefixtures("toy")


@given(mu=st.floats(0, 10), shift=st.floats(-3, 3))
@limits(max_examples=40)
def test_penalty_is_half_mu_times_squared_distance(mu: float, shift: float) -> None:
    model = nn.Linear(2, 1)  # three parameters
    start = {name: weights.detach() - shift for name, weights in model.named_parameters()}
    expected = pytest.approx(mu / 2 * 3 * shift**2, rel=1e-4, abs=1e-4)
    assert penalty(dict(model.named_parameters()), start, mu=mu).item() == expected


def test_its_gradient_pulls_back_to_the_start() -> None:
    params = {"w": torch.tensor([2.0, -1.0], requires_grad=True)}
    torch.autograd.backward(penalty(params, {"w": torch.tensor([1.0, 1.0])}, mu=0.5))
    assert params["w"].grad is not None
    assert params["w"].grad.tolist() == [0.5, -1.0]


def test_the_stronger_the_pull_the_shorter_the_way(federation_of: FederationOf) -> None:
    training = replace(GRADIENT, epochs=5)
    norms = []
    for mu in (0.0, 1.0, 4.0):
        ran = federation_of(["THA"], strategy="fedprox", chosen={"mu": mu}, training=training, rounds=1)
        norms.append(ran.reports[0].summaries[0].norm or 0.0)
    assert norms == sorted(norms, reverse=True)
    assert norms[2] < 0.7 * norms[0]


def test_without_a_pull_it_is_fedavg(federation_of: FederationOf) -> None:
    training = replace(GRADIENT, epochs=3)
    prox = federation_of(["THA", "VNM"], strategy="fedprox", chosen={"mu": 0.0}, training=training)
    plain = federation_of(["THA", "VNM"], strategy="fedavg", training=training)
    assert all(np.allclose(prox.weights[name], plain.weights[name], atol=1e-7) for name in plain.weights)
