"""Negative binomial regression of counts, of many places at once: each place has coefficients and a size of its own.

A count has the mean mu = exp(columns . coefficients) and the variance mu + mu^2 / size; a large size is Poisson's law.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, polygamma
from scipy.stats import nbinom

from tasks.data import Array

RIDGE = 3.0  # precision of the normal prior of every coefficient around 0; of the level it is LEVEL
LEVEL = 1e-3
SIZE = 0.25  # precision of the normal prior of log(size) around 0
STEPS, CLOSE = 40, 1e-5  # of Newton's method, at most, and the largest change at which it stops
LOGS = (-12.0, 16.0)  # bounds of log(mu), so that a forecast stays a number


@dataclass(frozen=True, kw_only=True)
class Fit:
    """coefficients: (P, C). size: (P,)."""

    coefficients: Array
    size: Array

    def quantiles(self, columns: Array, place: Array, levels: tuple[float, ...]) -> Array:
        """(N, C) columns of places (N,) -> (N, K) counts, the smallest with at least that probability at or below."""
        logs = np.einsum("nc,nc->n", columns, self.coefficients[place])
        mean, size = np.exp(np.clip(logs, *LOGS))[:, None], self.size[place, None]
        return np.asarray(nbinom.ppf(np.array(levels), size, size / (size + mean)), np.float64)


def fitted(columns: Array, counts: Array, known: Array, near: Fit | None = None) -> Fit:
    """The most probable coefficients and size of every place, by Newton's method.

    columns: (P, T, C), of which the first is 1. counts: (P, T). known: (P, T), False where a row does not count.
    near: where to begin; the end is the same.
    Source: Lawless (1987), https://doi.org/10.2307/3314912; the ridge: Hoerl and Kennard (1970),
    https://doi.org/10.1080/00401706.1970.10488634
    """
    x, y = np.where(known[..., None], columns, 0.0), np.where(known, counts, 0.0)
    beta, log_size = _start(x, y, known) if near is None else (near.coefficients, np.log(near.size))
    for _ in range(STEPS):
        step = _step(x, y, known, beta, log_size)
        beta, log_size = beta + step[:, :-1], log_size + step[:, -1]
        if np.abs(step).max(initial=0) < CLOSE:
            break
    return Fit(coefficients=beta, size=np.exp(log_size))


def _start(x: Array, y: Array, known: Array) -> tuple[Array, Array]:
    """The mean count of every place, and the size 1."""
    beta = np.zeros((len(x), x.shape[2]))
    beta[:, 0] = np.log(y.sum(axis=1) / np.maximum(known.sum(axis=1), 1) + 0.1)
    return beta, np.zeros(len(x))


def _step(x: Array, y: Array, known: Array, beta: Array, log_size: Array) -> Array:
    """(P, C + 1) step of the coefficients and of log(size), no part of it longer than 1.

    Given the size, the posterior of the coefficients is concave; where that of both is not, each goes its own way up.
    """
    size, mean = np.exp(log_size)[:, None], np.exp(np.clip((x @ beta[..., None])[..., 0], *LOGS))
    both, ridge = size + mean, np.r_[LEVEL, np.full(x.shape[2] - 1, RIDGE)]
    across = x.transpose(0, 2, 1)
    slope = (across @ (size * (y - mean) / both)[..., None])[..., 0] - ridge * beta
    curve = (across * (mean * size * (y + size) / both**2)[:, None]) @ x + np.diag(ridge)
    mixed = (across @ (size * mean * (y - mean) / both**2)[..., None])[..., 0]
    own, shared = np.moveaxis(np.linalg.solve(curve, np.stack([slope, mixed], axis=-1)), -1, 0)
    size_slope, size_curve = _of_size(y, known, mean, log_size)
    left = -size_curve - (mixed * shared).sum(axis=1)
    concave = left > 0
    grown = np.where(concave, size_slope + (mixed * own).sum(axis=1), np.sign(size_slope)) / np.where(concave, left, 1)
    grown = np.clip(grown, -1.0, 1.0)
    moved = own + shared * np.where(concave, grown, 0.0)[:, None]
    moved /= np.maximum(np.abs(moved).max(axis=1, keepdims=True), 1.0)
    return np.concatenate([moved, grown[:, None]], axis=1)


def _of_size(y: Array, known: Array, mean: Array, log_size: Array) -> tuple[Array, Array]:
    """(P,) first and second derivative of the log posterior by log(size)."""
    size = np.exp(log_size)[:, None]
    both = size + mean
    first = digamma(y + size) - digamma(size) + np.log(size / both) + 1 - (y + size) / both
    second = polygamma(1, y + size) - polygamma(1, size) + 1 / size - 2 / both + (y + size) / both**2
    slope = size[:, 0] * np.where(known, first, 0.0).sum(axis=1)
    curve = size[:, 0] ** 2 * np.where(known, second, 0.0).sum(axis=1) + slope
    return slope - SIZE * log_size, curve - SIZE
