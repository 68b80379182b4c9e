"""Chances, means and draws from quantiles, against known distributions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gamma

from tasks.evaluation.distribution import chance_up_to, draw, mean
from tasks.evaluation.levels import LEVELS

AT = np.array(LEVELS)


def test_chances_of_a_uniform_distribution_are_its_values() -> None:
    values = np.array([0.01, 0.02, 0.3, 0.515, 0.97, 0.989])
    chances = chance_up_to(np.broadcast_to(AT, (6, len(AT))), LEVELS, values)
    np.testing.assert_allclose(chances, values)


def test_beyond_the_outermost_quantile_half_of_what_lies_there_is_meant() -> None:
    chances = chance_up_to(np.broadcast_to(AT, (3, len(AT))), LEVELS, np.array([-1.0, 2.0, np.nan]))
    np.testing.assert_allclose(chances, [0.005, 0.995, np.nan])


def test_a_mass_at_the_value_counts_whole() -> None:
    """Zero cases up to the median: the chance of at most zero is .5, whatever lies above."""
    quantiles = np.where(AT <= 0.5, 0.0, 10 * AT)
    assert chance_up_to(quantiles[None], LEVELS, np.array([0.0])).item() == pytest.approx(0.5)
    assert chance_up_to(np.full((1, len(AT)), 3.0), LEVELS, np.array([3.0])).item() == pytest.approx(0.995)


@given(shape=st.floats(0.5, 20), share=st.floats(0.02, 0.98))
def test_chances_are_those_of_a_known_distribution(shape: float, share: float) -> None:
    quantiles = gamma.ppf(AT, shape)
    chances = chance_up_to(quantiles[None], LEVELS, np.array([gamma.ppf(share, shape)])).item()
    assert chances == pytest.approx(share, abs=0.013)


@given(st.integers(0, 2**32 - 1))
def test_a_higher_value_is_never_less_likely_undercut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    quantiles = np.sort(np.round(rng.gamma(1, 2, len(AT))))  # ties
    values = np.linspace(-1, quantiles[-1] + 1, 50)
    chances = chance_up_to(np.broadcast_to(quantiles, (50, len(AT))), LEVELS, values)
    assert (np.diff(chances) >= 0).all()


def test_the_mean_is_that_of_a_known_distribution() -> None:
    quantiles = np.stack([gamma.ppf(AT, 9), AT])
    np.testing.assert_allclose(mean(quantiles, LEVELS), [9, 0.5], rtol=0.02)


def test_draws_have_the_quantiles_they_were_drawn_from_and_depend_on_their_seed_alone() -> None:
    quantiles = gamma.ppf(AT, 4)
    drawn = draw(quantiles, LEVELS, 10_000, 1)
    np.testing.assert_allclose(np.quantile(drawn, AT), quantiles, rtol=2e-3)
    np.testing.assert_array_equal(drawn, draw(quantiles, LEVELS, 10_000, 1))
    assert (drawn != draw(quantiles, LEVELS, 10_000, 2)).any()
    assert np.corrcoef(drawn[:-1], drawn[1:])[0, 1] == pytest.approx(0, abs=0.05)  # in no order


def test_few_draws_miss_no_slice() -> None:
    """One of each tenth: the k-th smallest of ten lies between the quantiles of k/10 and (k+1)/10."""
    drawn = np.sort(draw(AT, LEVELS, 10, 3))
    assert ((drawn >= np.arange(10) / 10) & (drawn <= np.arange(1, 11) / 10)).all()
