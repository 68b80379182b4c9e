"""What a forecaster without a model would say: (N, 7, 11) quantiles in mm/d, all fitted on a gauge's training years.

All work on the root of flow over the gauge's mean. A gauge with fewer than a year of training is described by what its
country's others show.
"""

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.evaluation.quantiles import pools, quantiles
from tasks.river.features import filled, root_of, unit_of
from tasks.river.settings import LEADS, LEVELS, PERFECT, RiverSettings
from tasks.river.snow import melt
from tasks.windows import ahead, lagged, trailing_mean, training_periods

AROUND = 10  # days before and after the day of the year that its climatology is made of
YEAR = 366
RIDGE = 1.0  # of the regression, in days of record
USUAL = np.linspace(-1, 1, len(LEVELS))  # errors of a country without any, in root of flow over the mean


def persistence(panel: Panel, windows: Windows, settings: RiverSettings) -> Array:
    """The last flow, dressed with the changes over each lead that the training years saw; the reference."""
    root = root_of(panel, settings)
    return _dressed(np.broadcast_to(root[..., None], (*root.shape, LEADS)), root, panel, windows, settings)


def climatology(panel: Panel, windows: Windows, settings: RiverSettings) -> Array:
    """Quantiles of the day of the year and its neighbours in the training years."""
    root, trained = root_of(panel, settings), training_periods(panel.periods, settings.calendar)
    whole = panel.periods.astype("datetime64[Y]")
    day = (panel.periods - whole.astype("datetime64[D]")).astype(np.int64)
    usual = np.zeros((len(panel.places), YEAR, len(LEVELS)))
    for each in range(YEAR):
        near = np.minimum((day[:trained] - each) % YEAR, (each - day[:trained]) % YEAR) <= AROUND
        usual[:, each] = quantiles(root[:, :trained][:, near], LEVELS)
    country = 1 + USUAL if np.isnan(usual).all() else np.nanmean(usual, axis=(0, 1))
    due = windows.due
    of_year = (due - due.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    said = usual[windows.place[:, None], of_year]
    return _flow(np.where(np.isfinite(said), said, country), panel, windows, settings)


def recession(panel: Panel, windows: Windows, settings: RiverSettings) -> Array:
    """A linear recession with rain: regression of each gauge and lead on flow, its change, rain and melt, dressed.

    With perfect weather it knows the rain and melt of the days ahead too.
    """
    root, trained = root_of(panel, settings), training_periods(panel.periods, settings.calendar)
    known = _predictors(panel, root)
    weather = _weather_ahead(panel) if settings.mode == PERFECT else np.zeros((*root.shape, LEADS, 0))
    coming = ahead(root, LEADS)
    centre = np.zeros((*root.shape, LEADS))
    for lead in range(LEADS):
        table = np.concatenate([known, weather[:, :, lead]], axis=-1)
        change = coming[..., lead] - root
        fitted = _fitted(table[:, : max(trained - lead - 1, 0)], change[:, : max(trained - lead - 1, 0)])
        centre[..., lead] = root + np.einsum("ptf,pf->pt", table, fitted)
    return _dressed(centre, root, panel, windows, settings)


def _predictors(panel: Panel, root: Array) -> Array:
    """(P, T, F) of the day and those before it, 0 where unknown."""
    water = _water(panel)
    before = lagged(root, [1, 3])
    recent = [water, lagged(water, [1])[..., 0], trailing_mean(water, 7)]
    parts = [np.ones_like(root), root - 1, root - before[..., 0], root - before[..., 1], *recent]
    return np.asarray(np.nan_to_num(np.stack(parts, axis=-1)))


def _weather_ahead(panel: Panel) -> Array:
    """(P, T, 7, 2): root of the water of the day due, and the mean of those until then."""
    coming = np.nan_to_num(ahead(_water(panel), LEADS))
    return np.stack([coming, np.cumsum(coming, axis=-1) / np.arange(1, LEADS + 1)], axis=-1)


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


def _dressed(centre: Array, root: Array, panel: Panel, windows: Windows, settings: RiverSettings) -> Array:
    """Quantiles of the errors of the training years around a (P, T, 7) centre that stands at the origin."""
    errors = np.stack([root - lagged(centre[..., lead - 1], [lead])[..., 0] for lead in range(1, LEADS + 1)], axis=-1)
    at = (windows.origin - panel.periods[0]).astype(np.int64) if len(windows) else windows.place
    spread = np.zeros((len(windows), LEADS, len(LEVELS)))
    for rows, sample in pools(errors, training_periods(panel.periods, settings.calendar), windows.place, at):
        found = quantiles(sample.T, LEVELS)
        spread[rows] = np.where(np.isfinite(found), found, USUAL)
    return _flow(centre[windows.place, at][..., None] + spread, panel, windows, settings)


def _flow(root: Array, panel: Panel, windows: Windows, settings: RiverSettings) -> Array:
    unit = unit_of(panel, settings)[windows.place][:, None, None]
    return np.asarray(unit * np.square(np.maximum(root, 0.0)))
