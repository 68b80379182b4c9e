"""When a flood begins: the first day above a gauge's level, after days on which it was quiet, and how usual that is."""

import numpy as np

from tasks.data import Array, Panel
from tasks.gathered_windows import Lagged
from tasks.river.floods.levels import levels
from tasks.river.settings import LEADS, RiverSettings
from tasks.windows import ahead, month_of_year, training_periods

QUIET = 7  # days up to the origin, all measured and none above the 2-year level, after which a flood is a new one
LEVEL, CALM, USUAL = "flood", "flood_calm", "flood_usual"  # names among what windows restore


def quiet(panel: Panel, level: Array) -> Array:
    """(P, T) whether a flood that follows is a new one. level: (P,) mm/d. An unmeasured day is not quiet."""
    calm = panel.target <= level[:, None]  # False where either is unknown
    running = np.ones_like(calm)
    for lag in range(QUIET):
        running[:, lag:] &= calm[:, : calm.shape[1] - lag]
        running[:, :lag] = False
    return running


def crossed(observed: Array, level: Array) -> Array:
    """(..., H) days -> whether the level was crossed by each of them: 1, 0, or NaN where nobody knows.

    It is known from the first crossing on if all days before that were measured; without one as long as all were.
    """
    known = np.logical_and.accumulate(np.isfinite(observed), axis=-1)
    above = np.logical_or.accumulate(known & (observed > level[..., None]), axis=-1)
    return np.where(np.isnan(level)[..., None] | ~(known | above), np.nan, above.astype(np.float64))


def usual(panel: Panel, settings: RiverSettings, level: Array, calm: Array) -> Array:
    """(12, H) how often a quiet day of a month of the year was followed by a crossing by day h, in training.

    Of all gauges together, over the month and its two neighbours: a 2-year level is as rare at every gauge. NaN where
    no gauge has a level.
    """
    trained = max(training_periods(panel.periods, settings.calendar) - LEADS, 0)
    months = month_of_year(panel.periods[:trained])
    events = crossed(ahead(panel.target, LEADS)[:, :trained], np.broadcast_to(level[:, None], calm[:, :trained].shape))
    events[~calm[:, :trained]] = np.nan
    happened, known = np.zeros((12, LEADS)), np.zeros((12, LEADS))
    for month in range(12):
        rows = events[:, months == month]
        happened[month], known[month] = np.nansum(rows, axis=(0, 1)), np.isfinite(rows).sum(axis=(0, 1))
    happened, known = (each + np.roll(each, 1, axis=0) + np.roll(each, -1, axis=0) for each in (happened, known))
    return np.where(known > 0, happened / np.maximum(known, 1), np.nan)


def of_windows(panel: Panel, settings: RiverSettings) -> dict[str, Lagged]:
    """What scores need of each origin, for `Windows.restore`, without NaN.

    LEVEL: (P, T, 2), 2-year and 5-year level, 0 where there is none. CALM: (P, T), 1 where a flood would be scored.
    USUAL: (P, T, 2, H), how usual a crossing is.
    """
    level = levels(panel, settings)
    calm = quiet(panel, level[:, 0])
    months = month_of_year(panel.periods)
    often = np.stack([usual(panel, settings, each, calm)[months] for each in level.T], axis=1)
    places, length = calm.shape
    fixed = np.broadcast_to(np.nan_to_num(level)[:, None], (places, length, 2))
    usually = np.broadcast_to(np.nan_to_num(often)[None], (places, *often.shape))
    return {
        LEVEL: Lagged(values=fixed),
        CALM: Lagged(values=calm),
        USUAL: Lagged(values=usually),
    }
