"""When a forecast is issued within a season, and what weather the season had between two issue dates.

A season of L months has four issue dates, each at the end of a month: after a quarter of it, at its middle, one month
before harvest, and at harvest. They cut it into four phases; phase k is known from issue date k on, and not before.
"""

import numpy as np

from tasks.data import Array

ISSUES = ("quarter season", "mid season", "1 month before harvest", "harvest")
PHASES = len(ISSUES)
KNOWN_LATER = {"nino34": 1}  # months after its own that a value is published; all others at the end of their month
YEAR = 12


def season_months(planting: Array, harvest: Array) -> Array:
    """(P,) months 1 to 12 -> (P,) length of the season, 2 to 12, both ends included; the same month twice is a year."""
    return np.asarray(np.where(planting == harvest, YEAR, (harvest - planting) % YEAR + 1)).astype(np.int64)


def issued_before_harvest(planting: Array, harvest: Array) -> Array:
    """(P, 4) months from each issue date to the harvest month, falling to 0."""
    length = season_months(planting, harvest)
    month = [-(-length // 4) - 1, -(-length // 2) - 1, length - 2, length - 1]
    return np.asarray(length[:, None] - 1 - np.stack(month, axis=1))


def phase_means(
    monthly: Array, first: np.datetime64, years: Array, planting: Array, harvest: Array, late: int
) -> Array:
    """Mean of a monthly variable over the four phases of every season: (P, M) -> (P, T, 4).

    first: month of monthly[:, 0]. years: (T,) harvest years. planting, harvest: (P,) months 1 to 12.
    late: months by which a value is published late; every phase ends that much earlier.
    NaN where a month of the phase is missing, or where a short season has no month in it.
    """
    ends, length = issued_before_harvest(planting, harvest), season_months(planting, harvest)
    at_harvest = (years - 1970) * YEAR + harvest[:, None] - 1 - first.astype("datetime64[M]").astype(np.int64)
    padded = np.pad(monthly, ((0, 0), (0, 1)), constant_values=np.nan)
    total = np.zeros((*at_harvest.shape, PHASES))
    count = np.zeros_like(total)
    for before in range(YEAR):
        month = at_harvest - before - late
        month = np.where((month >= 0) & (month < monthly.shape[1]), month, monthly.shape[1])
        value = np.take_along_axis(padded, month, axis=1)
        of_phase = np.arange(PHASES) == (ends > before).sum(axis=1)[:, None]
        within = (of_phase & (before < length)[:, None])[:, None, :]
        total += np.where(within, value[..., None], 0.0)
        count += within
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
