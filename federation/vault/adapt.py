"""What a country makes of the final forecasts for itself: mixed, and corrected by how they did in its own recent past.

It works on outputs in model units, as quantiles or as logits, and learns from the validation years alone. All of it
stays in the vault: of an adapted arm, nothing but the sums of its test scores leaves.
"""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from federation.settings import AdaptationSettings
from tasks.task import Array, Task, Windows

RIDGE = 1.0  # observations that pull odds towards no correction, so that they stay finite where no event was seen


def members(arm: str, settings: AdaptationSettings) -> dict[str, float]:
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
    outputs: Mapping[str, tuple[Array, Array]], past: Windows, task: Task, settings: AdaptationSettings, arm: str
) -> Array | None:
    """(N, H, K) test output of an adapted arm in model units; None where the country has none of its models.

    outputs: model -> its outputs for the validation windows `past`, and for the test windows.
    """
    shares = {name: share for name, share in members(arm, settings).items() if name in outputs and share > 0}
    if not shares:
        return None
    then, now = (
        np.asarray(sum(share * outputs[name][part] for name, share in shares.items()) / sum(shares.values()))
        for part in (0, 1)
    )
    if task.levels:
        return shifted(now, quantile_shifts(then, past.target, task.levels, settings))
    return recalibrated(now, odds(then, past.target, settings))


def quantile_shifts(output: Array, happened: Array, levels: tuple[float, ...], settings: AdaptationSettings) -> Array:
    """(N, H, K) quantiles, (N, H) what happened with NaN -> (H, K) shifts that would have made each quantile right.

    Each is the same quantile of the errors, shrunk by n / (n + prior) of the n values reported and capped.
    """
    shifts = np.zeros(output.shape[1:])
    for horizon in range(output.shape[1]):
        known = np.isfinite(happened[:, horizon])
        if known.any():
            errors = happened[known, horizon, None].astype(np.float64) - output[known, horizon]
            wanted = [np.quantile(errors[:, k], level) for k, level in enumerate(levels)]
            shifts[horizon] = _trusted(np.array(wanted), int(known.sum()), settings)
    return shifts


def shifted(output: Array, shifts: Array) -> Array:
    """Quantiles (N, H, K) moved by (H, K), in ascending order again.

    Source: Chernozhukov et al. (2010), https://doi.org/10.3982/ECTA7880 (sorting never makes them worse)
    """
    return np.asarray(np.sort(output + shifts, axis=-1))


def odds(logits: Array, happened: Array, settings: AdaptationSettings) -> Array:
    """(N, H, 1) logits, (N, H) events with NaN -> (H, 2) intercept and slope of the logits that would have been right.

    Both are those of greatest likelihood; their distance from (0, 1) is shrunk and capped as shifts are.
    Source: Cox (1958), https://doi.org/10.1093/biomet/45.3-4.562
    """
    found = np.tile([0.0, 1.0], (logits.shape[1], 1))
    for horizon in range(logits.shape[1]):
        known = np.isfinite(happened[:, horizon])
        if known.any():
            fitted = _logistic(logits[known, horizon, 0], happened[known, horizon].astype(np.float64))
            found[horizon] += _trusted(fitted - found[horizon], int(known.sum()), settings)
    return found


def recalibrated(logits: Array, found: Array) -> Array:
    """Logits (N, H, 1) with (H, 2) intercepts and slopes."""
    return np.asarray(found[:, :1] + found[:, 1:] * logits)


def _trusted(correction: Array, known: int, settings: AdaptationSettings) -> Array:
    shrunk = correction * known / (known + settings.prior)
    return np.asarray(np.clip(shrunk, -settings.largest, settings.largest))


def _logistic(logits: Array, happened: Array) -> Array:
    table, start = np.column_stack([np.ones_like(logits), logits]), np.array([0.0, 1.0])

    def cost(tried: Array) -> tuple[float, Array]:
        score, away = table @ tried, tried - start
        value = (np.logaddexp(0, score) - happened * score).sum() + RIDGE * (away @ away) / 2
        return value, table.T @ (expit(score) - happened) + RIDGE * away

    return np.asarray(minimize(cost, start, jac=True, method="L-BFGS-B").x)
