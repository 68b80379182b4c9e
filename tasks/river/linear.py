"""A linear recession with rain: what a gauge's own flow, rain and melt say of the days ahead, by regression.

It is a baseline, and what the model's forecast may depart from. Everything is on the root of flow over the gauge's
mean, and fitted on the training years alone.
"""

import numpy as np

from tasks.data import Array, Panel
from tasks.river.features import filled
from tasks.river.settings import LEADS, PERFECT, RiverSettings
from tasks.river.snow import melt
from tasks.windows import ahead, lagged, trailing_mean, training_periods

RIDGE = 1.0  # of the regression, in days of record
LEAST = 365  # known errors of training that give a gauge's own spread
SPREAD = 0.4  # of a country without any, in root of flow over the mean


def centre(panel: Panel, settings: RiverSettings, root: Array) -> Array:
    """(P, T, 7): what is expected at each lead, in root of flow over the mean; NaN where flow is unknown at the origin.

    With perfect weather it knows the rain and melt of the days ahead too.
    """
    trained = training_periods(panel.periods, settings.calendar)
    known, coming = _predictors(panel, root), ahead(root, LEADS)
    water = np.nan_to_num(ahead(_water(panel), LEADS)) if settings.mode == PERFECT else None
    expected = np.zeros((*root.shape, LEADS))
    for lead in range(LEADS):
        table = known if water is None else np.concatenate([known, _weather_until(water, lead)], axis=-1)
        seen = max(trained - lead - 1, 0)
        fitted = _fitted(table[:, :seen], (coming[..., lead] - root)[:, :seen])
        expected[..., lead] = root + np.einsum("ptf,pf->pt", table, fitted)
    return expected


def errors(root: Array, expected: Array) -> Array:
    """(P, T, 7): root less what was expected of it so many days before, at the day due."""
    return np.stack([root - lagged(expected[..., lead - 1], [lead])[..., 0] for lead in range(1, LEADS + 1)], axis=-1)


def spread(root: Array, expected: Array, trained: int) -> Array:
    """(P, 7) root mean square error of the first `trained` days; with few of a gauge, of its country's together."""
    squares = np.square(errors(root[:, :trained], expected[:, :trained]))
    known = np.isfinite(squares).sum(axis=1)
    total = np.nansum(squares, axis=1)
    country = np.where(known.sum(axis=0) > 0, total.sum(axis=0) / np.maximum(known.sum(axis=0), 1), SPREAD**2)
    return np.asarray(np.sqrt(np.where(known >= LEAST, total / np.maximum(known, 1), country)) + 0.01)


def _predictors(panel: Panel, root: Array) -> Array:
    """(P, T, F) of the day and those before it, 0 where unknown."""
    water = _water(panel)
    before = lagged(root, [1, 3])
    recent = [water, lagged(water, [1])[..., 0], trailing_mean(water, 7)]
    parts = [np.ones_like(root), root - 1, root - before[..., 0], root - before[..., 1], *recent]
    return np.asarray(np.nan_to_num(np.stack(parts, axis=-1)))


def _weather_until(water: Array, lead: int) -> Array:
    """(P, T, 2): root of the water of the day due, and the mean of those until then."""
    return np.stack([water[..., lead], water[..., : lead + 1].mean(axis=-1)], axis=-1)


def _water(panel: Panel) -> Array:
    rain, temperature = (filled(panel.covariates[name]) for name in ("precipitation", "temperature"))
    return np.sqrt(melt(np.maximum(rain, 0), temperature, panel.static["bands"])[1])


def _fitted(table: Array, change: Array) -> Array:
    """(P, F) coefficients of each gauge, leaning on those of all gauges together."""
    there = np.isfinite(change)
    values = np.where(there, change, 0.0)
    used = table * there[..., None]
    matrix, side = np.einsum("ptf,ptg->pfg", used, table), np.einsum("ptf,pt->pf", used, values)
    ridge = RIDGE * np.eye(table.shape[-1])
    country = np.linalg.solve(matrix.sum(axis=0) + ridge, side.sum(axis=0))
    return np.asarray(country + np.linalg.solve(matrix + ridge, (side - matrix @ country)[..., None])[..., 0])
