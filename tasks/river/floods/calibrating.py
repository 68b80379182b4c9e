"""What a country learns from its validation years about the chances of floods that a forecast says."""

from dataclasses import dataclass

import numpy as np

from tasks.data import Array
from tasks.evaluation.event_scores import Event
from tasks.evaluation.score import Evaluated
from tasks.products.forecast import Issued
from tasks.river.floods.chances import START, calibrated, chance, nearest
from tasks.river.floods.events import CALM, LEVEL, USUAL, crossed
from tasks.river.floods.levels import RETURN_PERIODS


def calibrate(validation: Evaluated) -> Array:
    """(4,) of `chances.calibrated`, by the 2-year level; a rarer level takes the same."""
    happened = scored(validation, 0)
    if not np.isfinite(happened).any():
        return START
    return calibrated(
        nearest(validation.forecast, validation.restore[LEVEL][:, 0]), validation.restore[USUAL][:, 0], happened
    )


def event(years: int) -> Event:
    """The crossing of the level of a return period, against its climatological frequency; NaN where it is not scored.

    For scores: Evaluated -> chance, usual chance and what happened, (N, H) each.
    """
    column = RETURN_PERIODS.index(years)

    def of(evaluated: Evaluated) -> tuple[Array, Array, Array]:
        happened = scored(evaluated, column)
        if LEVEL not in evaluated.restore:
            return happened, happened, happened
        level, usual = evaluated.restore[LEVEL][:, column], evaluated.restore[USUAL][:, column]
        return chance(nearest(evaluated.forecast, level), usual, evaluated.calibration), usual, happened

    return of


def scored(evaluated: Evaluated, column: int) -> Array:
    """(N, H) whether the level was crossed by each day, NaN where it has no level or the origin was not quiet."""
    if LEVEL not in evaluated.restore:
        return np.full(evaluated.observed.shape, np.nan)
    level, calm = evaluated.restore[LEVEL][:, column], evaluated.restore[CALM] > 0
    return crossed(evaluated.observed, np.where(calm & (level > 0), level, np.nan))


@dataclass(frozen=True, kw_only=True)
class Chances:
    """Of an issued forecast. level: (N, 2) mm/d of RETURN_PERIODS, NaN where none is known. chance: (N, 2, H)."""

    level: Array
    chance: Array


def issued_chances(issued: Issued) -> Chances:
    """From every origin, quiet or not."""
    restore = issued.windows.restore
    level = np.where(restore[LEVEL] > 0, restore[LEVEL], np.nan)
    each = [
        chance(nearest(issued.forecast, restore[LEVEL][:, column]), restore[USUAL][:, column], issued.calibration)
        for column in range(len(RETURN_PERIODS))
    ]
    return Chances(level=level, chance=np.where(np.isfinite(level)[..., None], np.stack(each, axis=1), np.nan))
