"""What earlier harvests say of the next one. Every array here stands at the last harvest known and sees nothing later.

A forecast of year y reads column y - 1. Carried-forward values of the statistics are unknown values: NaN.
"""

from dataclasses import dataclass

import numpy as np

from tasks.data import Array
from tasks.windows import carried, lagged, trailing_mean

RECENT = 5  # harvests in the mean that also is the unit of relative yields
TREND = 10  # harvests in the trend
LEAST = 5  # known harvests that make a trend
MEMORY = 20  # harvests whose errors give the size of the next one
# Shares of trend, last and recent in the offset, by view: those of least error in the training years of public data.
# National statistics hardly move from year to year; cells scatter around their trend.
OFFSET = {"national": (0.2, 0.8, 0.0), "cells": (0.4, 0.4, 0.2)}
SMALLEST = 0.01  # t/ha; below it a relative yield says nothing
USUAL_ERROR, WORTH = 0.08, 5  # relative error before any is known, and the number of known errors that it counts as
QUIET = 0.005  # relative error that counts as none
SD = 1.2533  # standard deviation over mean absolute deviation of a normal: sqrt(pi / 2)


@dataclass(frozen=True, kw_only=True)
class History:
    """(P, T) each, t/ha unless said otherwise, NaN where no harvest of the five years up to t is known.

    last: newest known harvest. recent: mean of the last five. trend: a line through the last ten, one year on.
    long_trend: the same through all. mean: of all. offset: what the model starts from.
    spread: the size of the offset's errors as a standard deviation. error: of this harvest, in units of its spread.
    unrest: log of the size of the last five errors over the usual one. unit: of relative yield, the mean of the last
    five.
    """

    last: Array
    recent: Array
    trend: Array
    long_trend: Array
    mean: Array
    offset: Array
    spread: Array
    error: Array
    unrest: Array
    unit: Array


def history_of(values: Array, view: str) -> History:
    """(P, T) yields with NaN -> History."""
    length = values.shape[1]
    last, recent = carried(values, RECENT - 1), trailing_mean(values, RECENT)
    trend = _or(next_on_line(values, TREND, LEAST), recent)
    shares = OFFSET[view]
    offset = shares[0] * trend + shares[1] * last + shares[2] * recent
    unit = np.maximum(recent, SMALLEST)
    missed = values - lagged(offset, [1])[..., 0]
    relative = np.abs(missed) / lagged(unit, [1])[..., 0]
    usual = _usual(relative)
    spread = unit * SD * usual
    return History(
        last=last,
        recent=recent,
        trend=trend,
        long_trend=_or(next_on_line(values, length, 2 * LEAST), trend),
        mean=np.where(np.isnan(recent), np.nan, trailing_mean(values, length)),
        offset=offset,
        spread=spread,
        error=missed / lagged(spread, [1])[..., 0],
        unrest=np.log((trailing_mean(relative, RECENT) + QUIET) / (usual + QUIET)),
        unit=unit,
    )


def next_on_line(values: Array, window: int, least: int) -> Array:
    """Least-squares line through the known values among the last `window`, one period on: (P, T) -> (P, T).

    NaN with fewer than `least` known values.
    """
    past = lagged(values, range(min(window, values.shape[1])))
    known = np.isfinite(past)
    count = np.maximum(known.sum(axis=-1), 1)
    when = np.where(known, -np.arange(past.shape[-1]), 0)
    middle = when.sum(axis=-1) / count
    level = np.where(known, past, 0.0).sum(axis=-1) / count
    from_middle = np.where(known, when - middle[..., None], 0.0)
    slope = (from_middle * np.where(known, past, 0.0)).sum(axis=-1) / np.maximum(np.square(from_middle).sum(axis=-1), 1)
    return np.where(count >= least, level + slope * (1 - middle), np.nan)


def _usual(missed: Array) -> Array:
    """(P, T) relative absolute errors -> their usual size at the place, pulled to its country's, and that to 8 %."""
    own, known = _sums(missed)
    country = (own.sum(axis=0) + WORTH * USUAL_ERROR) / (known.sum(axis=0) + WORTH)
    return np.asarray((own + WORTH * country) / (known + WORTH))


def _sums(values: Array) -> tuple[Array, Array]:
    """Sum and number of the known values of the last MEMORY periods."""
    past = lagged(values, range(min(MEMORY, values.shape[1])))
    return np.nansum(past, axis=-1), np.isfinite(past).sum(axis=-1)


def _or(values: Array, otherwise: Array) -> Array:
    return np.where(np.isnan(values), otherwise, values)
