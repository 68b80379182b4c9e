"""Quantiles of samples in which values may be missing."""

from collections.abc import Iterator, Sequence

import numpy as np

from tasks.data import Array

LEAST = 24  # known errors that describe a place by itself


def quantiles(sample: Array, levels: Sequence[float]) -> Array:
    """(..., S) with NaN -> (..., K), linear between the known values; NaN where none is known.

    Source: type 7 of Hyndman and Fan (1996), https://doi.org/10.2307/2684934
    """
    ordered = np.sort(sample, axis=-1)  # NaN last
    known = np.isfinite(sample).sum(axis=-1)[..., None]
    if sample.shape[-1] == 0:
        return np.full((*sample.shape[:-1], len(levels)), np.nan)
    position = np.asarray(levels) * np.maximum(known - 1, 0)
    below = np.floor(position).astype(int)
    above = np.minimum(below + 1, np.maximum(known - 1, 0))
    low, high = np.take_along_axis(ordered, below, axis=-1), np.take_along_axis(ordered, above, axis=-1)
    return np.asarray(low + (high - low) * (position - below))


def pools(errors: Array, trained: int, place: Array, at: Array) -> Iterator[tuple[Array, Array]]:
    """Which past errors describe which window: pairs of (window rows, sample (S, H) with NaN).

    errors: (P, T, H), what was wrong at the period due, hence known from then on. The first `trained` are training.
    place, at: (N,) place and origin of each window, as indices.

    A place is described by its own training errors; with fewer than 24 by its country's; in a country without any by
    what all its places had shown up to each origin.
    """
    training = errors[:, :trained]
    enough = np.isfinite(training).any(axis=2).sum(axis=1) >= LEAST
    for index in np.unique(place[enough[place]]):
        yield np.flatnonzero(place == index), training[index]
    rest = np.flatnonzero(~enough[place])
    if not len(rest):
        return
    horizons = errors.shape[2]
    if np.isfinite(training).any(axis=2).sum() >= LEAST:
        yield rest, training.reshape(-1, horizons)
        return
    for period in np.unique(at[rest]):
        yield rest[at[rest] == period], errors[:, : period + 1].reshape(-1, horizons)
