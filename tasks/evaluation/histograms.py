"""Forecast probabilities against what happened, as counts in fixed bins that add over countries.

A histogram is three arrays of one column a bin, `bin_count`, `bin_events`, `bin_forecast` (the sum of the
probabilities), and the table of hits, misses, false alarms and correct negatives at one probability, a bin's edge. From
it come AUC, average precision, reliability, POD, FAR, CSI and the value of acting at any cost-loss ratio.
`resolved` is the `count` where one probability is still distinguished from another.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from tasks.evaluation.score import Array, Sums
from tasks.evaluation.totals import with_all

EDGES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BINS = len(EDGES) - 1
CUTS = EDGES[1:-1]
BINNED = ("bin_count", "bin_events", "bin_forecast")
TABLE = ("hits", "misses", "false_alarms", "correct_negatives")
NAMES = ("count", "resolved", *TABLE, *BINNED)
SMALL_COUNT = 5  # smaller counts of events, and of their absence, are suppressed as in statistics of health


def counted(chance: Array, happened: Array, cut: float) -> Sums:
    """The histogram of (N, H) probabilities and (N, H) events in {0, 1}, NaN where unknown: (H + 1,) or (H + 1, BINS).

    cut: the probability from which on a warning is given, one of CUTS.
    """
    known = np.isfinite(happened) & np.isfinite(chance)
    event = np.where(known, happened, 0.0)
    where = np.clip(np.searchsorted(EDGES, np.where(known, chance, 0.0), side="right") - 1, 0, BINS - 1)
    binned = {name: np.zeros((chance.shape[1], BINS)) for name in BINNED}
    at = (np.broadcast_to(np.arange(chance.shape[1]), chance.shape), where)
    for name, values in zip(BINNED, (known.astype(float), event, np.where(known, chance, 0.0)), strict=True):
        np.add.at(binned[name], at, values)
    sums = {name: with_all(values) for name, values in binned.items()}
    count = sums["bin_count"].sum(axis=1)
    return {**sums, "count": count, "resolved": count, **_table(sums, first_warned(cut))}


def first_warned(cut: float) -> int:
    """The first bin in which a warning is given. Raises ValueError for a probability that is no edge."""
    return EDGES.index(cut)


def coarse(sums: Sums, cut: float, least: int) -> dict[str, Array]:
    """The histogram as it may leave a country: no group of fewer than `least` place-periods, no small count of events.

    Neighbouring bins are merged until each group has `least` place-periods, and events and their absences are none or
    SMALL_COUNT at least. A group stands in the bin of its mean probability. Warned and not warned stay separate if both
    are groups that may leave; if not, the table of hits is zero. A row that cannot be grouped at all is zero; what
    became one group, though it was of several bins, is not `resolved`. The row of all horizons is the sum of what
    leaves of the others, so that no other row follows by subtraction; it is zero where one of them is.
    """
    rows = [
        _coarse_row({name: values[row] for name, values in sums.items()}, first_warned(cut), least)
        for row in range(len(sums["count"]) - 1)
    ]
    merged = {name: with_all(np.stack([row[name] for row in rows])) for name in (*BINNED, "resolved", *TABLE)}
    for name, values in merged.items():
        if not all(row["table" if name in TABLE else "whole"] for row in rows):
            values[-1] = 0.0
    return {**merged, "count": merged["bin_count"].sum(axis=1)}


def _coarse_row(row: Sums, first: int, least: int) -> dict[str, Any]:
    """One horizon's: also `whole`, whether nothing of it is withheld, and `table`, whether its table of hits is not."""
    groups, separate = _groups(row["bin_count"], row["bin_events"], first, least)
    binned = {name: np.zeros(BINS) for name in BINNED}
    for group in groups:
        if not row["bin_count"][group].any():
            continue
        total = {name: row[name][group].sum() for name in BINNED}
        mean = total["bin_forecast"] / total["bin_count"]
        at = int(np.clip(np.searchsorted(EDGES, mean, side="right") - 1, group.start, group.stop - 1))
        for name, value in total.items():
            binned[name][at] = value
    before, after = (np.count_nonzero(each["bin_count"]) for each in (row, binned))
    whole = bool(groups) or not row["count"]
    table = {name: row[name] if groups and separate else 0.0 for name in TABLE}
    resolved = row["count"] if after == before or after > 1 else 0.0
    return {**binned, **table, "resolved": resolved, "whole": whole, "table": whole and separate}


def comparable(arms: Mapping[str, Sums], decisive: Collection[str]) -> dict[str, Sums]:
    """A country's histograms as they may be added to those of others, so that the decisive arms speak of the same.

    A row that is not resolved, or has no table of hits, in one of the decisive arms or in the arm itself is zero in it.
    """
    resolved = {arm: (sums["resolved"] == sums["count"]) & (sums["count"] > 0) for arm, sums in arms.items()}
    complete = {arm: np.sum([sums[name] for name in TABLE], axis=0) == sums["count"] for arm, sums in arms.items()}
    rows: dict[str, Sums] = {}
    for arm, sums in arms.items():
        among = [each for each in arms if each in decisive or each == arm]
        whole = np.all([resolved[each] for each in among], axis=0)
        table = whole & np.all([complete[each] for each in among], axis=0)
        rows[arm] = {
            name: np.where(table if name in TABLE else whole, values.T, 0.0).T for name, values in sums.items()
        }
    return rows


def _groups(count: Array, events: Array, cut: int, least: int) -> tuple[list[slice], bool]:
    """Slices of the bins that may leave together, none if not even all may; and whether the cut separates them."""

    def allowed(part: slice) -> bool:
        number, happened = count[part].sum(), events[part].sum()
        small = [0 < each < SMALL_COUNT for each in (happened, number - happened)]
        return number == 0 or bool(number >= least and not any(small))

    if not allowed(slice(0, BINS)):
        return [], False
    sides = [slice(0, cut), slice(cut, BINS)]
    separate = all(map(allowed, sides))
    return [group for side in (sides if separate else [slice(0, BINS)]) for group in _merged(side, allowed)], separate


def _merged(side: slice, allowed: Callable[[slice], bool]) -> list[slice]:
    """A side that is allowed as a whole, cut into as many slices that are allowed as going upwards gives."""
    slices: list[slice] = []
    start = side.start
    for stop in range(side.start + 1, side.stop + 1):
        if allowed(slice(start, stop)):
            slices.append(slice(start, stop))
            start = stop
    while start < side.stop:  # what is left at the top joins the last ones
        start = slices.pop().start
        if allowed(slice(start, side.stop)):
            slices.append(slice(start, side.stop))
            break
    return slices


def _table(sums: Sums, first: int) -> dict[str, Array]:
    count, events = sums["bin_count"], sums["bin_events"]
    return {
        "hits": events[:, first:].sum(axis=1),
        "misses": events[:, :first].sum(axis=1),
        "false_alarms": (count - events)[:, first:].sum(axis=1),
        "correct_negatives": (count - events)[:, :first].sum(axis=1),
    }
