"""The chance that a gauge crosses its level by day h, from quantiles of the flow of single days.

Three choices stand here, because quantiles of single days do not say it:

- Between two levels of the forecast, and beyond the outermost, the root of flow is taken as normal: a quantile function
  that is straight over normal scores. Beyond .975 it goes on with its mean slope from .75 to .975.
- Days of one flood hang together: the level is crossed by day h as likely as on the likeliest day until then.
- Both are wrong by an amount that a country can learn: a logistic regression with four numbers, the same for all leads
  and gauges, on its validation years (`calibrated`). Its chance never falls with the lead.
"""

from statistics import NormalDist

import numpy as np
from scipy.special import expit, logit, ndtr

from tasks.data import Array
from tasks.river.settings import LEVELS

NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
FROM, UPPER = LEVELS.index(0.75), len(LEVELS) - 1  # the ends of the slope beyond the outermost quantile
FARTHEST = 8.0  # standard deviations
FLATTEST = 0.02  # of the level's root, a slope at least
RAREST = 1e-4
SMALLEST = 0.1  # added to a score before its root is taken
START = np.array([1.5, 3.5, 0.3, 0.2])  # coefficients as they usually are
RIDGE = 40.0  # of the distance from them: a country may have few floods to learn from


def scores(forecast: Array, level: Array) -> Array:
    """Normal score of the level among (N, H, K) quantiles in mm/d: (N, H); level: (N,), 0 where there is none."""
    root, at = np.sqrt(forecast), np.sqrt(level)[:, None]
    top = root[..., UPPER]
    slope = np.maximum((top - root[..., FROM]) / (NORMAL[UPPER] - NORMAL[FROM]), FLATTEST * np.maximum(at, 1e-3))
    score = NORMAL[UPPER] + (at - top) / slope
    for k in range(UPPER - 1, -1, -1):
        low, high = root[..., k], root[..., k + 1]
        share = np.clip((at - low) / np.where(high > low, high - low, np.inf), 0, 1)
        score = np.where(at < high, NORMAL[k] + share * (NORMAL[k + 1] - NORMAL[k]), score)
    return np.asarray(np.clip(score, -FARTHEST, FARTHEST))


def nearest(forecast: Array, level: Array) -> Array:
    """(N, H) the lowest normal score of the level until day h: that of the likeliest day."""
    return np.asarray(np.minimum.accumulate(scores(forecast, level), axis=1))


def chance(score: Array, usual: Array, coefficients: Array | None) -> Array:
    """(N, H) chances by day h of `nearest` scores and (N, H) usual chances.

    coefficients: of `calibrated`; None: as the forecast says it.
    """
    if coefficients is None:
        return np.asarray(ndtr(-score))
    return np.asarray(np.maximum.accumulate(expit(_table(score, usual) @ coefficients), axis=-1))


def calibrated(score: Array, usual: Array, happened: Array) -> Array:
    """(4,) coefficients of constant, root of the score, log of the lead, logit of the usual chance: of most likelihood.

    happened: (N, H) in {0, 1}, NaN does not count. A chance does not rise with the score. A ridge pulls towards START,
    which remains where nothing is known. The root, a tail far heavier than the normal one, and the ridge were better
    than the score itself and none, in the Alps' validation years 2005-09 left out one by one, for models and for the
    linear recession.
    Source: Wilks (2009), https://doi.org/10.1002/met.134, of one regression for all leads.
    """
    rows = np.isfinite(happened)
    table, event = _table(score, usual)[rows], happened[rows]

    def cost(tried: Array) -> tuple[float, Array]:
        logit_, away = table @ tried, tried - START
        value = (np.logaddexp(0, logit_) - event * logit_).sum() + RIDGE * (away @ away) / 2
        return float(value), table.T @ (expit(logit_) - event) + RIDGE * away

    from scipy.optimize import minimize  # half a second that few commands need

    bounds = [(None, None), (0, None), (None, None), (None, None)]
    return np.asarray(minimize(cost, START, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _table(score: Array, usual: Array) -> Array:
    """(N, H, 4)."""
    lead = np.log(np.arange(1, score.shape[1] + 1))
    often = logit(np.clip(usual, RAREST, 1 - RAREST))
    root = -np.sqrt(np.maximum(score, 0) + SMALLEST)
    return np.stack([np.ones_like(score), root, np.broadcast_to(lead, score.shape), often], axis=-1)
