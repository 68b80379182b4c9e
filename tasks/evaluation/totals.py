"""Totals of points by horizon, block of time and place, their largest terms, and the variance of their sums."""

import numpy as np

from tasks.evaluation.score import LARGEST, Array, Estimate, Evaluated, Sums
from tasks.time_step import STEPS

FEWEST_BLOCKS = 3  # behind a spread; from that of two, and their sum, both could be calculated
Z95 = 1.959964  # standard normal, two-sided 95 %


def largest(**points: Array) -> dict[str, Array]:
    """Name of a sum -> its (N, H) points, none below 0: LARGEST and the name -> the largest of them, (H,)."""
    return {f"{LARGEST}{name}": zero_filled(values).max(axis=0, initial=0.0) for name, values in points.items()}


def largest_terms(totals: Sums) -> dict[str, Array]:
    """The largest terms of totals, (H + 1,) each.

    A place-period is the target of several horizons. Of all of them its term is at most the sum of the horizons'
    largest, which stands in the last row.
    """
    return {name: with_all(values) for name, values in totals.items() if name.startswith(LARGEST)}


def zero_filled(points: Array) -> Array:
    """The points, 0 where nothing was scored."""
    return np.where(np.isfinite(points), points, 0.0)


def group(totals: Sums, name: str) -> Sums:
    """The totals called 'name/...', without that."""
    return {key.removeprefix(f"{name}/"): value for key, value in totals.items() if key.startswith(f"{name}/")}


def ratio(merged: Sums) -> Estimate:
    """sum / count with a normal 95 % interval from the variance of the sum; none where too few blocks leave none."""
    count = np.where(merged["count"] > 0, merged["count"], np.nan)
    value = merged["sum"] / count
    variance = np.where(merged["variance"] > 0, merged["variance"], np.nan)
    spread = Z95 * np.sqrt(variance) / count
    return Estimate(value=value, low=value - spread, high=value + spread, n=merged["count"])


def block_totals(points: Array, evaluated: Evaluated) -> dict[str, Array]:
    """Sum and count of (N, H) points, (H + 1,), and the same by block of time, (B, H + 1); NaN does not count."""
    known = np.isfinite(points)
    filled = np.where(known, points, 0.0)
    _, (sums, counts) = in_blocks(evaluated, filled, known)
    return {
        "sum": with_all(filled.sum(axis=0)),
        "count": with_all(known.sum(axis=0).astype(float)),
        "block_sum": sums,
        "block_count": counts,
    }


def block_sums(totals: Sums) -> dict[str, Array]:
    """Totals of `block_totals` -> sum, count and variance of the sum, (H + 1,) each.

    The variance is what a block bootstrap over time converges to: with block totals S_b and counts n_b, the sum over
    blocks of (S_b - mean * n_b)^2, times B / (B - 1). Whole regions share a block, so spatial dependence is kept. It is
    0 where fewer than FEWEST_BLOCKS have a point.
    Source: Kunsch (1989), https://doi.org/10.1214/aos/1176347265 (non-overlapping case).
    """
    total, count, counts = totals["sum"], totals["count"], totals["block_count"]
    number = (counts > 0).sum(axis=0)
    squares = np.square(totals["block_sum"] - total / np.maximum(count, 1) * counts).sum(axis=0)
    variance = np.where(number >= FEWEST_BLOCKS, squares * number / np.maximum(number - 1, 1), 0.0)
    return {"sum": total, "count": count, "variance": variance}


def in_blocks(evaluated: Evaluated, *points: Array) -> tuple[Array, list[Array]]:
    """(B,) labels of blocks of time, the same in every country, and the sums in them of (N, H) points: (B, H + 1)."""
    labels = evaluated.all_blocks()
    index = np.searchsorted(labels, STEPS[evaluated.step].blocks(evaluated.origin))
    totals = []
    for each in points:
        sums = np.zeros((len(labels), each.shape[1]))
        np.add.at(sums, index, each.astype(float))
        totals.append(np.concatenate([sums, sums.sum(axis=1, keepdims=True)], axis=1))
    return labels, totals


def per_place(points: Array, place: Array) -> tuple[Array, Array]:
    """Mean and count of (N, H) points per place: (H + 1, P) each; a place with no point has mean 0, count 0."""
    places = int(place.max()) + 1 if len(place) else 0
    reported = np.isfinite(points)
    sums = np.zeros((places, points.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, place, np.where(reported, points, 0.0))
    np.add.at(counts, place, reported.astype(float))
    sums = np.concatenate([sums, sums.sum(axis=1, keepdims=True)], axis=1).T
    counts = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1).T
    return sums / np.maximum(counts, 1), counts


def with_all(rows: Array) -> Array:
    """(H, ...) sums with their total appended: (H + 1, ...)."""
    return np.concatenate([rows, rows.sum(axis=0, keepdims=True)])
