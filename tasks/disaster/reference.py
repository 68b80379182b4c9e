"""What is usual in a place at a time of the year, learnt from the training years, or from the place's own past.

A place with too short a training record is still served: each of its months is compared with its own earlier years, so
that nothing after a month is ever used for it.
"""

from collections.abc import Callable

import numpy as np

from tasks.data import Array

LEAST = 10  # years; a distribution of fewer values has no tail to speak of


def usual(
    values: Array, periods: Array, until: np.datetime64, summary: Callable[[Array], Array], *, cycle: int = 12
) -> Array:
    """Parameters of each place for each period: (P, T) -> (K, P, T), NaN where the record is too short.

    Args:
        periods: (T,) datetime64[M], consecutive months.
        until: last training month.
        summary: (P, Y) values of several years, NaN where missing -> (K, P) parameters.
        cycle: 12 compares a month with the same month of other years, 1 with all months.
    """
    phase, least = periods.astype(np.int64) % cycle, LEAST * 12 // cycle
    year = 12 // cycle  # of a place's own past only what is a year old counts: known at any origin
    parameters = np.full((len(summary(values[:, :0])), *values.shape), np.nan)
    for group in np.unique(phase):
        at = np.flatnonzero(phase == group)
        history = values[:, at]
        trained = _enough(history[:, periods[at] <= until], summary, least)
        parameters[:, :, at] = trained[..., None]
        short = np.flatnonzero(np.isnan(trained[0]) & (np.isfinite(history).sum(axis=1) >= least))
        for number, period in enumerate(at) if len(short) else ():
            parameters[:, short, period] = _enough(history[short, : max(number + 1 - year, 0)], summary, least)
    return parameters


def _enough(history: Array, summary: Callable[[Array], Array], least: int) -> Array:
    parameters = summary(history)
    parameters[:, np.isfinite(history).sum(axis=1) < least] = np.nan
    return parameters
