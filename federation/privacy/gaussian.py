"""The privacy of Gaussian noise in closed form. mu is the parameter in which releases add up: mu^2 by mu^2.

A release whose L2 sensitivity is C, with noise of standard deviation sigma, has mu = C / sigma. Many of them, of
mu_1, mu_2, ..., are together as one of mu = sqrt(mu_1^2 + mu_2^2 + ...), exactly. Epsilons do not add up so.
Source: Balle and Wang (2018), theorem 8, https://arxiv.org/abs/1805.06530; Dong, Roth and Su (2022), corollary 3.3,
https://arxiv.org/abs/1905.02383
"""

from math import exp, sqrt

from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr

LARGEST_MU, LARGEST_EPSILON = 60.0, 3000.0  # within which a root is looked for


def delta_of(epsilon: float, mu: float) -> float:
    """The smallest delta with which a release of mu is (epsilon, delta)-private."""
    return float(ndtr(mu / 2 - epsilon / mu) - exp(epsilon + log_ndtr(-mu / 2 - epsilon / mu)))


def epsilon_of(mu: float, delta: float) -> float:
    """The smallest epsilon with which a release of mu is (epsilon, delta)-private; 0 of no release."""
    if mu <= 0 or delta_of(0.0, mu) <= delta:
        return 0.0
    return float(brentq(lambda epsilon: delta_of(epsilon, mu) - delta, 0.0, LARGEST_EPSILON, xtol=1e-10))


def mu_of(epsilon: float, delta: float) -> float:
    """The largest mu that is (epsilon, delta)-private."""
    return float(brentq(lambda mu: delta_of(epsilon, mu) - delta, 1e-4, LARGEST_MU, xtol=1e-12))


def noise_multiplier(epsilon: float, delta: float, releases: int) -> float:
    """Noise over sensitivity, sigma / C, of each of so many releases that are (epsilon, delta)-private together."""
    return sqrt(releases) / mu_of(epsilon, delta)
