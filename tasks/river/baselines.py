"""What a forecaster without a model would say: (N, 7, 11) quantiles in mm/d, all fitted on a gauge's training years.

All work on the root of flow over the gauge's mean. A gauge with fewer than a year of training is described by what its
country's others show.
"""

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.evaluation.quantiles import pools, quantiles
from tasks.river.features import root_of, unit_of
from tasks.river.linear import centre, errors
from tasks.river.settings import LEADS, LEVELS, RiverSettings
from tasks.windows import training_periods

AROUND = 10  # days before and after the day of the year that its climatology is made of
YEAR = 366
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
    """The linear recession with rain of `linear`, dressed."""
    root = root_of(panel, settings)
    return _dressed(centre(panel, settings, root), root, panel, windows, settings)


def _dressed(expected: Array, root: Array, panel: Panel, windows: Windows, settings: RiverSettings) -> Array:
    """Quantiles of the errors of the training years around what was expected at the origin, (P, T, 7)."""
    at = (windows.origin - panel.periods[0]).astype(np.int64) if len(windows) else windows.place
    spread = np.zeros((len(windows), LEADS, len(LEVELS)))
    for rows, sample in pools(
        errors(root, expected), training_periods(panel.periods, settings.calendar), windows.place, at
    ):
        found = quantiles(sample.T, LEVELS)
        spread[rows] = np.where(np.isfinite(found), found, USUAL)
    return _flow(expected[windows.place, at][..., None] + spread, panel, windows, settings)


def _flow(root: Array, panel: Panel, windows: Windows, settings: RiverSettings) -> Array:
    unit = unit_of(panel, settings)[windows.place][:, None, None]
    return np.asarray(unit * np.square(np.maximum(root, 0.0)))
