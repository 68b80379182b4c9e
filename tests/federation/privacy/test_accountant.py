"""Two accountants that know nothing of each other: the library's loss distributions, and closed forms."""

from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtr

from federation.privacy.accountant import Charge, Spent, epsilon, total
from federation.privacy.gaussian import delta_of, epsilon_of, mu_of, noise_multiplier
from tests.whole import IN_FULL

DELTA = 1e-5


def mixed_delta(wanted: float, mu: float, scale: float) -> float:
    """delta of one Gaussian release of mu and one Laplace release of 1 / scale: the Gaussian's, over Laplace's loss.

    Laplace's loss is 1/scale or -1/scale with what lies beyond either centre, and uniform in x between them.
    """

    def gaussian(value: float) -> float:
        return float(ndtr(mu / 2 - value / mu) - exp(value + log_ndtr(-mu / 2 - value / mu)))

    ends = 0.5 * gaussian(wanted - 1 / scale) + 0.5 * exp(-1 / scale) * gaussian(wanted + 1 / scale)
    between, _ = quad(
        lambda x: exp(-x / scale) / (2 * scale) * gaussian(wanted - (1 - 2 * x) / scale), 0, 1, epsabs=1e-12
    )
    return ends + float(between)


@pytest.mark.parametrize("releases", [1, 5, 20, 200])
@pytest.mark.parametrize("multiplier", [0.8, 2.68, 8.92, 16.7, 60.0] if IN_FULL else [2.68, 16.7, 60.0])
def test_the_accountants_agree_within_one_per_cent(multiplier: float, releases: int) -> None:
    charges = [Charge(kind="gaussian", amount=multiplier**-2)] * releases
    expected = epsilon_of(sqrt(releases) / multiplier, DELTA)
    assert epsilon(total(charges), DELTA) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("mu", "laplace"), [(0.3, 1.0), (0.5, 0.5), (1.2, 1.0), (2.0, 3.0)])
def test_they_agree_on_a_run_with_its_test(mu: float, laplace: float) -> None:
    both = [Charge(kind="gaussian", amount=mu * mu), Charge(kind="laplace", amount=laplace)]
    assert mixed_delta(epsilon(total(both), DELTA), mu, 1 / laplace) == pytest.approx(DELTA, rel=0.05)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=40))
@settings(max_examples=20)
def test_releases_add_up_by_the_square_of_mu_in_any_order(mus: list[float]) -> None:
    charges = [Charge(kind="gaussian", amount=mu * mu) for mu in mus]
    forth, back = total(charges), total(charges[::-1])
    assert forth == back
    assert forth.mu_squared == pytest.approx(sum(mu * mu for mu in mus), abs=2e-9)
    assert forth.mu_squared >= sum(mu * mu for mu in mus) - 1e-11  # never rounded in favour of the spender


def test_two_a_run_and_eight_a_year_are_eleven_runs() -> None:
    run = Charge(kind="gaussian", amount=mu_of(2.0, DELTA) ** 2)
    assert epsilon(total([run] * 11), DELTA) < 8.0 < epsilon(total([run] * 12), DELTA)


@pytest.mark.parametrize(("wanted", "multiplier"), [(8, 2.68), (4, 4.84), (2, 8.92), (1, 16.7)])
def test_the_noise_of_twenty_rounds(wanted: float, multiplier: float) -> None:
    assert noise_multiplier(wanted, DELTA, 20) == pytest.approx(multiplier, rel=0.005)
    assert delta_of(wanted, sqrt(20) / noise_multiplier(wanted, DELTA, 20)) == pytest.approx(DELTA)


def test_nothing_costs_nothing() -> None:
    assert epsilon(Spent(), DELTA) == epsilon_of(0.0, DELTA) == 0.0
    assert np.isclose(epsilon(total([Charge(kind="laplace", amount=1.0)]), DELTA), 1.0, rtol=1e-3)
