"""What a country makes of the final forecasts for itself: mixed, and corrected by how they did in its own recent past.

It works on outputs in model units, as quantiles or as logits, and learns from the validation years alone. All of it
stays in the vault: of an adapted arm, nothing but the sums of its test scores leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from federation.settings.parts import AdaptationSettings
from tasks.data import Array
from tasks.task import Task

RIDGE = 1.0  # observations that pull odds towards no correction, so that they stay finite where no event was seen


@dataclass(frozen=True, kw_only=True)
class Past:
    """What happened in the validation years: target (N, H) in model units, NaN unknown; due (N, H) periods."""

    target: Array
    due: Array


def mix_shares(arm: str, settings: AdaptationSettings) -> Mapping[str, float]:
    """Whose forecasts an adapted arm mixes, and their shares, which add up to 1.

    `local_adapted` is the local forecast with the same corrections, `local_pair` the mix of two local models that
    differ in their seed: what a country could do alone with as many models as `adapted` mixes.
    """
    return {
        "adapted": {settings.base: settings.share, "local": 1 - settings.share},
        "local_adapted": {"local": 1.0},
        "local_pair": {"local": 0.5, "twin": 0.5},
    }[arm]


def adapted(
    outputs: Mapping[str, tuple[Array, Array]], past: Past, task: Task, settings: AdaptationSettings, arm: str
) -> Array | None:
    """(N, H, K) test output of an adapted arm in model units; None where the country has none of its models.

    outputs: model -> its outputs for the validation windows `past`, and for the test windows.
    """
    then, now = (
        mixed({name: both[part] for name, both in outputs.items()}, mix_shares(arm, settings)) for part in (0, 1)
    )
    if then is None or now is None:
        return None
    return corrected(now, correction(then, past, task, settings), task)


def mixed(outputs: Mapping[str, Array], shares: Mapping[str, float | Array]) -> Array | None:
    """(N, H, K) mean of the outputs that are there, by their shares, of all horizons or (H,); None of no share."""
    there = {name: np.reshape(share, (-1, 1)) for name, share in shares.items() if name in outputs}
    total = sum(there.values(), np.zeros((1, 1)))
    if not np.all(total > 0):
        return None
    mean = sum(share.astype(outputs[name].dtype) * outputs[name] for name, share in there.items() if share.any())
    return np.asarray(mean / total.astype(np.asarray(mean).dtype))


def correction(output: Array, past: Past, task: Task, settings: AdaptationSettings) -> Array:
    """What would have made the outputs (N, H, K) of the windows `past` right: (H, K) shifts, or (H, 2) odds."""
    if task.levels:
        return quantile_shifts(output, past, task.levels, settings)
    return odds(output, past, settings)


def corrected(output: Array, correction: Array | None, task: Task) -> Array:
    """Outputs (N, H, K) with what `correction` found; as they are with none."""
    if correction is None:
        return output
    return shifted(output, correction) if task.levels else recalibrated(output, correction)


def trust(past: Past, settings: AdaptationSettings) -> Array:
    """(H,) how much of a correction is believed: 1 / (1 + years / Y + prior / n) of n values from Y calendar years.

    Values of one year err together: a hundred cells in four harvests are four observations, hardly more. What a year
    has in common averages out over years, and the rest over values; shrinking by both is the least mean square error.
    Source: Efron and Morris (1973), https://doi.org/10.1080/01621459.1973.10481350, of means with a random year.
    """
    known = np.isfinite(past.target)
    values = known.sum(axis=0)
    years = [len(np.unique(past.due[own, h].astype("datetime64[Y]"))) for h, own in enumerate(known.T)]
    doubt = settings.years / np.maximum(years, 1) + settings.prior / np.maximum(values, 1)
    return np.asarray(np.where(values > 0, 1 / (1 + doubt), 0.0))


def quantile_shifts(output: Array, past: Past, levels: tuple[float, ...], settings: AdaptationSettings) -> Array:
    """(N, H, K) quantiles of the windows `past` -> (H, K) shifts that would have made each quantile right.

    Each is the same quantile of the errors, trusted as far as `trust` says and capped; where the centre is not to be
    corrected, less the median's, so that quiet years do not lower what follows them.
    """
    shifts, share = np.zeros(output.shape[1:]), trust(past, settings)
    for horizon, happened in enumerate(past.target.T.astype(np.float64)):
        known = np.isfinite(happened)
        if known.any():
            errors = happened[known, None] - output[known, horizon]
            wanted = np.array([np.quantile(errors[:, k], level) for k, level in enumerate(levels)])
            if not settings.centre:
                wanted -= wanted[levels.index(0.5)]
            shifts[horizon] = _capped(share[horizon] * wanted, settings)
    return shifts


def shifted(output: Array, shifts: Array) -> Array:
    """Quantiles (N, H, K) moved by (H, K), in ascending order again.

    Source: Chernozhukov et al. (2010), https://doi.org/10.3982/ECTA7880 (sorting never makes them worse)
    """
    return np.asarray(np.sort(output + shifts, axis=-1))


def odds(logits: Array, past: Past, settings: AdaptationSettings) -> Array:
    """(N, H, 1) logits of the windows `past` -> (H, 2) intercept and slope of the logits that would have been right.

    Both are those of greatest likelihood; their distance from (0, 1) is trusted and capped as shifts are.
    Source: Cox (1958), https://doi.org/10.1093/biomet/45.3-4.562
    """
    fitted_odds, share = np.tile([0.0, 1.0], (logits.shape[1], 1)), trust(past, settings)
    for horizon, happened in enumerate(past.target.T.astype(np.float64)):
        known = np.isfinite(happened)
        if known.any():
            fitted = _logistic(logits[known, horizon, 0], happened[known])
            fitted_odds[horizon] += _capped(share[horizon] * (fitted - fitted_odds[horizon]), settings)
    return fitted_odds


def recalibrated(logits: Array, fitted_odds: Array) -> Array:
    """Logits (N, H, 1) with (H, 2) intercepts and slopes."""
    return np.asarray(fitted_odds[:, :1] + fitted_odds[:, 1:] * logits)


def _capped(correction: Array, settings: AdaptationSettings) -> Array:
    return np.asarray(np.clip(correction, -settings.largest, settings.largest))


def _logistic(logits: Array, happened: Array) -> Array:
    table, start = np.column_stack([np.ones_like(logits), logits]), np.array([0.0, 1.0])

    def cost(tried: Array) -> tuple[float, Array]:
        score, away = table @ tried, tried - start
        value = (np.logaddexp(0, score) - happened * score).sum() + RIDGE * (away @ away) / 2
        return value, table.T @ (expit(score) - happened) + RIDGE * away

    from scipy.optimize import minimize  # half a second that few commands need

    return np.asarray(minimize(cost, start, jac=True, method="L-BFGS-B").x)
