"""A reporting triangle: every count as it was on record 0, 1, ... periods after its period, seen from every origin.

`tasks.vintages.delay` learns from whole archives what a forecaster of today knows of the delay; here the same is
learnt anew for each origin of the past, from the pairs of counts that were on record by then, and nothing younger.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tasks.data import Array, Panel
from tasks.vintages.delay import COMPLETE, FEWEST, LEANING, Vintage
from tasks.vintages.expected import LEAST, expected
from tasks.windows import lagged, trailing_sum

MEMORY = 48  # pairs of neighbouring ages that a ratio rests on; older habits of reporting say little


def seen(known: Array) -> Array:
    """(A, P, T) by period -> by origin: [age, :, t] is the count of period t - age as it stood at the end of t."""
    return np.stack([lagged(counts, [age])[..., 0] for age, counts in enumerate(known)])


def completed(known: Array, step: str) -> Array:
    """(A, P, T) by origin: `seen`, the provisional counts completed to what they were expected to become.

    As `tasks.vintages.provisional.nowcast`, with the delay as of each origin; counts after A - 1 periods are final.
    """
    counts, share = seen(known), shares(known)
    provisional = (share < COMPLETE) | (share > 1 / COMPLETE)
    young = np.logical_or.accumulate(provisional[::-1], axis=0)[::-1]  # a count is as unsure as any older one
    prior = np.maximum(_first(np.where(young, np.nan, counts)), LEAST[step])
    return np.where(young, expected(counts, share, prior), counts)


def shares(known: Array) -> Array:
    """(A, P, T): of a count's last state, the share on record at each age, as it could be learnt at each origin."""
    ratios = np.ones(known.shape)
    for age in range(len(known) - 1):
        pair = np.stack([lagged(counts, [age])[..., 0] for counts in known[age : age + 2]])  # known one period later
        there = np.isfinite(pair).all(axis=0)
        before, after = (_until_now(np.where(there, counts, 0.0)) for counts in pair)
        enough = _until_now(there.any(axis=0, keepdims=True).astype(float)) >= FEWEST
        country = (before.sum(axis=0) + LEANING) / (after.sum(axis=0) + LEANING)
        ratios[age] = np.where(enough, (before + LEANING * country) / (after + LEANING), 1.0)
    return np.asarray(np.cumprod(ratios[::-1], axis=0)[::-1])


def vintages(panel: Panel) -> Iterator[Vintage]:
    """The records as they were at the ends of the last periods but the newest, of a panel with a triangle."""
    assert panel.known is not None, "a panel without a triangle"
    for at in range(max(len(panel.periods) - 1 - MEMORY, 0), len(panel.periods) - 1):
        target = on_record(panel.target[:, : at + 1], panel.known[..., : at + 1])
        periods = panel.periods[: at + 1]
        yield Vintage(known=periods[-1], panel=replace(panel, periods=periods, target=target, known=None))


def on_record(target: Array, known: Array) -> Array:
    """(P, T) counts at the end of the last period: those of the newest periods as they stood then, where known."""
    stood = target.copy()
    for age in range(min(len(known), target.shape[1])):
        counts = known[age, :, -1 - age]
        stood[:, -1 - age] = np.where(np.isfinite(counts), counts, stood[:, -1 - age])
    return stood


def _until_now(values: Array) -> Array:
    """(P, T) by the age's period -> sums of the MEMORY newest that are on record at each origin."""
    return trailing_sum(np.nan_to_num(lagged(values, [1])[..., 0]), MEMORY)


def _first(counts: Array) -> Array:
    """(A, P, T) -> (P, T): of the youngest age that is known; 0 where none is."""
    newest = np.zeros(counts.shape[1:])
    for each in counts[::-1]:
        newest = np.where(np.isfinite(each), each, newest)
    return newest
