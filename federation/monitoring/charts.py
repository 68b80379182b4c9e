"""A sequential test for a shift of a monthly series: Page's cumulative sum on what the past did not predict.

The months of a series resemble each other, and how much they vary is not known in advance. So every month is predicted
from those before it alone, and what is left is turned into a standard normal number:

    x_1, ..., x_n  ->  mean, spread and lag-1 autocorrelation  ->  (x_{n+1} - predicted) / its error  ->  z, normal

A chart adds up what of z goes beyond ALLOWANCE, never below 0, and alarms above a limit, after which it starts anew.

Sources: Page (1954), https://doi.org/10.1093/biomet/41.1-2.100, of the cumulative sum; Hawkins (1987),
https://doi.org/10.2307/2348827, of a reference that grows month by month; Alwan and Roberts (1988),
https://doi.org/10.1080/07350015.1988.10509640, of charts of what an autoregression leaves.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri, stdtr

from tasks.data import Array

ALLOWANCE = 0.5  # standard deviations; half the shift that the chart is best for
LARGEST = 2.5  # standard deviations; one odd month alone raises no alarm
FEWEST = 12  # months before the first that is charted: every season once
USUAL = 0.4  # the correlation of neighbouring months that is assumed until months show their own
WEIGHT = 12  # months that this assumption weighs
CORRECTION = 1.166  # of a sum that is looked at once a month, for Siegmund's formula
QUIET = 60  # months in which all charts together may alarm once, if nothing changes
MARGIN = 2.5  # the formula takes months for independent; of what is left of .7 between neighbours this makes up for


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """at: index of the month that raised it. since: index of the first month of the sum that did."""

    at: int
    since: int


def standardised(series: Array) -> Array:
    """(T,) -> (T,) standard normal numbers, each from its own month and earlier ones; NaN where there is none yet.

    A missing month is skipped; the one after it is predicted by the mean alone.
    """
    normal = np.full(len(series), np.nan)
    known = np.flatnonzero(np.isfinite(series))
    for rank in range(FEWEST, len(known)):
        at, past = known[rank], series[known[:rank]]
        mean, spread = past.mean(), past.std(ddof=1)
        if spread <= 1e-12 * max(1.0, abs(mean)):
            continue  # a series that never moved has no scale
        near = known[rank - 1] == at - 1
        share = _autocorrelation(series[: known[rank - 1] + 1], mean) if near else 0.0
        left = series[at] - mean - share * (series[at - 1] - mean if near else 0.0)
        error = spread * np.sqrt((1 - share**2) * (1 + 1 / rank))
        normal[at] = ndtri(np.clip(stdtr(rank - 2, left / error), 1e-12, 1 - 1e-12))
    return normal


def limit(charts: int, quiet: int = QUIET) -> float:
    """The limit at which `charts` one-sided charts together alarm once in `quiet` months, if nothing changes.

    The mean time to a false alarm of one of them is charts x quiet x MARGIN = (exp(b) - b - 1) / (2 k^2) with
    b = 2 k (h + 1.166). Source: Siegmund (1985), Sequential Analysis, https://doi.org/10.1007/978-1-4757-1862-1
    """
    wanted = 2 * ALLOWANCE**2 * charts * quiet * MARGIN
    reached = brentq(lambda b: np.expm1(b) - b - wanted, 1e-6, 100.0)
    return float(reached / (2 * ALLOWANCE) - CORRECTION)


def cumulative(normal: Array, limit: float) -> tuple[Array, list[Alarm]]:
    """(T,) sums of what goes beyond the allowance upwards, and the alarms; after an alarm the sum starts anew."""
    sums, alarms = np.zeros(len(normal)), []
    total, since = 0.0, 0
    for at, value in enumerate(np.clip(np.nan_to_num(normal), -LARGEST, LARGEST)):
        if np.isnan(normal[at]):
            sums[at] = total
            continue
        since = at if total == 0.0 else since
        total = max(0.0, total + value - ALLOWANCE)
        sums[at] = total
        if total > limit:
            alarms.append(Alarm(at=at, since=since))
            total = 0.0
    return sums, alarms


def _autocorrelation(past: Array, mean: float) -> float:
    """Lag 1, corrected for the months being few and drawn towards USUAL; 0 to .95.

    Source of the correction: Marriott and Pope (1954), https://doi.org/10.1093/biomet/41.3-4.390
    """
    centred = np.nan_to_num(past - mean)
    squares = float(centred @ centred)
    number = int(np.isfinite(past).sum())
    if squares == 0.0:
        return USUAL
    raw = float(centred[1:] @ centred[:-1]) / squares
    corrected = min(raw + (1 + 4 * max(raw, 0.0)) / number, 0.95)
    return float(np.clip((number * corrected + WEIGHT * USUAL) / (number + WEIGHT), 0.0, 0.95))
