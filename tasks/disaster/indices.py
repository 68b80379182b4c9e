"""Standardised precipitation index: rainfall as the normal score of its usual gamma distribution.

Source: McKee et al. (1993), WMO-No. 1090 (2012); dry months as in Stagge et al. (2015), https://doi.org/10.1002/joc.4267
"""

import numpy as np
from scipy.special import gammainc, gammaincinv, ndtr, ndtri

from tasks.data import Array
from tasks.disaster.reference import usual
from tasks.windows import lagged

LIMIT = 3.0  # normal scores beyond are extrapolation: the training years hold some 30 values
TINY = 1e-6  # mm


def summed(rainfall: Array, months: int) -> Array:
    """Rain of the last `months` months, the present included: (P, T) -> (P, T); NaN if one of them is missing."""
    return np.asarray(lagged(rainfall, range(months)).sum(axis=-1))


def gamma(values: Array, periods: Array, until: np.datetime64) -> Array:
    """(4, P, T): share of dry values, normal score's probability of a dry value, shape and scale of the others."""
    return usual(values, periods, until, _fit)


def index(values: Array, distribution: Array) -> Array:
    """Normal score of (P, T) values in their (4, P, T) distributions, within +-LIMIT; NaN where either is unknown."""
    dry, centre, shape, scale = distribution
    wet = dry + (1 - dry) * gammainc(shape, np.maximum(values, 0) / scale)
    probability = np.where(values > 0, wet, np.where(values == 0, centre, 0.0))
    score = np.clip(ndtri(probability), -LIMIT, LIMIT)
    return np.where(np.isfinite(values) & np.isfinite(shape), score, np.nan)


def quantile(distribution: Array, score: float) -> Array:
    """The amount whose index is `score`: every smaller amount, and no other, has a smaller index; 0 if none has."""
    dry, centre, shape, scale = distribution
    share = (ndtr(score) - dry) / (1 - dry)
    amount = scale * gammaincinv(shape, np.clip(share, 0, 1))
    return np.where(share > 0, amount, np.where(centre < ndtr(score), TINY, 0 * shape))


def _fit(history: Array) -> Array:
    """(P, Y) -> (4, P) by Thom's approximation to maximum likelihood (1958), mon. wea. rev. 86(4)."""
    count = np.isfinite(history).sum(axis=1)
    rain = np.where(history > 0, history, np.nan)
    wet = np.isfinite(rain).sum(axis=1)
    mean = np.maximum(np.nansum(rain, axis=1) / np.maximum(wet, 1), TINY)
    logs = np.nansum(np.log(rain), axis=1) / np.maximum(wet, 1)
    skew = np.where(wet > 3, np.maximum(np.log(mean) - logs, TINY), 1.0)  # 0 if all values are equal
    shape = np.where(wet > 3, (1 + np.sqrt(1 + 4 * skew / 3)) / (4 * skew), 1.0)
    dry = (count - wet) / (count + 1)
    centre = np.minimum((count - wet + 1) / (2 * (count + 1)), dry)  # where it never was dry, nothing is drier than 0
    return np.stack([dry, centre, shape, mean / shape])
