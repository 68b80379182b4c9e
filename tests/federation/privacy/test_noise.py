"""The noise has the distribution that the accountant counts on, and nothing repeats it."""

import os
import secrets
from collections import Counter
from fractions import Fraction
from inspect import signature

import numpy as np
import pytest
from scipy.stats import chi2

from federation.privacy.mechanism import SYSTEM, noise_from
from federation.privacy.noise import BITS, discrete_gaussian, discrete_laplace

UNLIKELY = 1e-9  # of a correct sampler to fail once


def chi_square(drawn: Counter[int], chances: dict[int, float]) -> float:
    """The probability of a fit this bad, of bins that are expected ten times and of all others together."""
    many = sum(drawn.values())
    large = [value for value, chance in chances.items() if chance * many >= 10]
    expected = np.array([chances[value] * many for value in large])
    observed = np.array([drawn[value] for value in large])
    rest = many - expected.sum()
    if rest > 10:
        expected, observed = np.append(expected, rest), np.append(observed, many - observed.sum())
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return float(chi2.sf(statistic, len(expected) - 1))


@pytest.mark.parametrize("bits", [0, 1, 3])
def test_gaussian_noise_has_the_probabilities_of_a_discrete_gaussian(bits: int) -> None:
    sigma = 2**bits
    values = np.arange(-12 * sigma, 12 * sigma + 1)
    weights = np.exp(-(values**2) / (2 * sigma**2))
    chances = dict(zip(values.tolist(), (weights / weights.sum()).tolist(), strict=True))
    assert chi_square(Counter(discrete_gaussian(200_000, bits).tolist()), chances) > UNLIKELY


def test_gaussian_noise_as_it_is_used_is_as_wide_as_it_is_said_to_be() -> None:
    shares = discrete_gaussian(200_000) / 2**BITS
    assert abs(shares.mean()) < 6 / np.sqrt(200_000)
    assert abs(shares.std() - 1) < 6 / np.sqrt(2 * 200_000)
    assert np.mean(np.abs(shares) > 2) == pytest.approx(0.0455, abs=0.003)
    assert 4 < np.abs(shares).max() < 7


def test_laplace_noise_has_the_probabilities_of_a_discrete_laplace() -> None:
    scale = Fraction(7, 3)
    values = np.arange(-200, 201)
    weights = np.exp(-np.abs(values) / float(scale))
    chances = dict(zip(values.tolist(), (weights / weights.sum()).tolist(), strict=True))
    assert chi_square(Counter(discrete_laplace(scale) for _ in range(20_000)), chances) > UNLIKELY


def test_noise_of_a_key_is_repeated_by_it_alone_and_distributed_as_the_systems() -> None:
    one, same, other = (noise_from(key * 32) for key in (b"a", b"a", b"b"))
    drawn = one.gaussian(200_000)
    assert np.array_equal(drawn, same.gaussian(200_000))
    assert abs(np.corrcoef(drawn, other.gaussian(200_000))[0, 1]) < 6 / np.sqrt(200_000)
    assert abs(drawn.std() / 2**BITS - 1) < 6 / np.sqrt(2 * 200_000)
    scale = Fraction(7, 3)
    values = np.arange(-200, 201)
    weights = np.exp(-np.abs(values) / float(scale))
    chances = dict(zip(values.tolist(), (weights / weights.sum()).tolist(), strict=True))
    laplace = [one.laplace(scale) for _ in range(20_000)]
    assert laplace[:100] == [same.laplace(scale) for _ in range(100)]
    assert chi_square(Counter(laplace), chances) > UNLIKELY


def test_it_comes_from_the_system_alone_and_no_seed_repeats_it() -> None:
    doors = [signature(discrete_gaussian).parameters["random"], signature(discrete_laplace).parameters["below"]]
    assert [door.default for door in doors] == [os.urandom, secrets.randbelow]
    assert (SYSTEM.gaussian, SYSTEM.laplace) == (discrete_gaussian, discrete_laplace)
    np.random.seed(1)
    one = discrete_gaussian(100)
    np.random.seed(1)
    assert not np.array_equal(one, discrete_gaussian(100))
    given = [discrete_gaussian(100, random=np.random.default_rng(3).bytes) for _ in range(2)]
    assert np.array_equal(given[0], given[1])  # all randomness comes through that one door
