"""Weeks in the year: the same week of other years, and the part of the year in which a week ends."""

from collections.abc import Iterable

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.time_step import STEPS, season_angle
from tasks.windows import lagged

YEAR = 365.25 / 7  # weeks; a lag of whole years is rounded, so that it stays in the season
PHASES = 52
DAYS = STEPS["week"].length


def phase_of(periods: Array) -> Array:
    """0 to 51: in which of 52 equal parts of its year a week ends."""
    return np.asarray(np.floor(PHASES * season_angle(periods) / (2 * np.pi)).astype(np.int64))


def where(panel: Panel, windows: Windows) -> tuple[Array, Array]:
    """(N,) place and period indices of the origins."""
    at = (windows.origin - panel.periods[0]).astype(np.int64) // DAYS if len(windows) else windows.place
    return windows.place, at


def same_week(values: Array, farthest: int, near: Iterable[int]) -> Array:
    """(P, T) -> (P, T + farthest, S): the same week of all earlier years and weeks near it, NaN where unknown.

    near: weeks after it, negative before. The newest is 26 weeks older than the week itself, or more: it is known at
    any origin up to half a year before.
    """
    padded = np.pad(values, ((0, 0), (0, farthest)), constant_values=np.nan)
    years = range(1, int(padded.shape[1] / YEAR) + 2)
    return lagged(padded, [round(YEAR * year) - week for year in years for week in near])
