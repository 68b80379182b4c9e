"""Scores from a histogram of forecast probabilities, after merging; see `tasks.evaluation.histograms`."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tasks.evaluation.histograms import TABLE, first_warned
from tasks.evaluation.score import Array, Estimate, Sums

RATIOS = (0.05, 0.1, 0.2, 0.3, 0.5)  # of cost to loss, at which the value is reported; edges of bins all of them


def auc(sums: Sums) -> Estimate:
    """Area under the ROC curve: how often an event had the higher probability than a non-event; a tie counts half."""
    events, others = sums["bin_events"], sums["bin_count"] - sums["bin_events"]
    below = np.cumsum(others, axis=1) - others
    pairs = events.sum(axis=1) * others.sum(axis=1)
    won = (events * (below + others / 2)).sum(axis=1)
    return _known(won, pairs, sums, "resolved")


def average_precision(sums: Sums) -> Estimate:
    """Precision averaged over the events, at the threshold of each: sum over bins of (rise in recall) x precision."""
    events, count = sums["bin_events"][:, ::-1], sums["bin_count"][:, ::-1]
    precision = np.cumsum(events, axis=1) / np.maximum(np.cumsum(count, axis=1), 1)
    return _known((events * precision).sum(axis=1), events.sum(axis=1), sums, "resolved")


def reliability(sums: Sums) -> Estimate:
    """Mean squared distance of the probability from the frequency, over bins; 0 is perfect. Source: Murphy (1973)."""
    count = np.maximum(sums["bin_count"], 1)
    distance = np.square((sums["bin_forecast"] - sums["bin_events"]) / count)
    return _known((sums["bin_count"] * distance).sum(axis=1), sums["count"], sums, "resolved")


def value_at(ratio: float) -> Callable[[Sums], Estimate]:
    """Share of the gain of a perfect forecast, over acting always or never, for who pays `ratio` of the loss to act.

    Source: Richardson (2000), https://doi.org/10.1017/S1350482700001317
    """

    def estimate(sums: Sums) -> Estimate:
        first, number = first_warned(ratio), np.maximum(sums["count"], 1)
        warned, hits = (sums[name][:, first:].sum(axis=1) / number for name in ("bin_count", "bin_events"))
        usual = sums["bin_events"].sum(axis=1) / number
        without = np.minimum(ratio, usual)
        spent = ratio * warned + usual - hits
        return _known(without - spent, without - ratio * usual, sums, "resolved")

    return estimate


def pod(sums: Sums) -> Estimate:
    """Share of the events that were warned of."""
    return _of_table(sums, ("hits",), ("hits", "misses"))


def far(sums: Sums) -> Estimate:
    """Share of the warnings that no event followed."""
    return _of_table(sums, ("false_alarms",), ("hits", "false_alarms"))


def csi(sums: Sums) -> Estimate:
    """Hits over everything but the correct negatives."""
    return _of_table(sums, ("hits",), ("hits", "misses", "false_alarms"))


MEASURES: Mapping[str, Callable[[Sums], Estimate]] = {
    "average_precision": average_precision,
    "reliability": reliability,
    "pod": pod,
    "far": far,
    "csi": csi,
    **{f"value_{round(100 * ratio)}": value_at(ratio) for ratio in RATIOS},
}


def _of_table(sums: Sums, above: Sequence[str], below: Sequence[str]) -> Estimate:
    return _known(np.sum([sums[name] for name in above], axis=0), np.sum([sums[name] for name in below], axis=0), sums)


def _known(above: Array, below: Array, sums: Sums, complete: str = "") -> Estimate:
    """A ratio without an interval: the variances of small whole counts would give the blocks of time away.

    NaN where the sum called `complete` does not speak of all that was counted; n is what the ratio rests on.
    """
    number = sums[complete] if complete else np.sum([sums[name] for name in TABLE], axis=0)
    usable = (below > 0) & (number > 0)
    if complete:
        usable &= number == sums["count"]
    value = np.where(usable, above / np.where(below > 0, below, 1.0), np.nan)
    nothing = np.full_like(value, np.nan)
    return Estimate(value=value, low=nothing, high=nothing, n=number)
