"""A country's own random walk: the last price, and the changes of all its prices in the last years around it.

The months behind the quantiles roll with the origin. A walk with the changes of the training years alone is too
wide or too narrow as soon as prices become calmer or rougher, and flatters every model that is compared with it.
Changes over a lead are taken as they were, not added up from changes of a month; they are made symmetric around 0, for
a random walk knows no direction.
"""

from statistics import NormalDist

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.evaluation.levels import LEVELS
from tasks.prices.settings import LEADS, PricesSettings
from tasks.windows import lagged

MONTHS = 60  # of the reference
SHORTER = 36
LEAST = 24  # known changes that describe a country
USUAL = 0.05  # standard deviation of a month's change of log price, of a country with fewer


def walk_60(panel: Panel, windows: Windows, settings: PricesSettings) -> Array:  # noqa: ARG001
    """The random walk of the last 60 months: (N, 3, 23) prices."""
    return _prices(panel, windows, MONTHS)


def walk_36(panel: Panel, windows: Windows, settings: PricesSettings) -> Array:  # noqa: ARG001
    """The random walk of the last 36 months, which follows calmer and rougher years sooner."""
    return _prices(panel, windows, SHORTER)


def steps(logs: Array, months: int, at: Array) -> Array:
    """Quantiles of the country's changes over each lead within the months up to `at`, (N,): (P, T) -> (N, 3, 23)."""
    usual = np.array([NormalDist().inv_cdf(level) for level in LEVELS]) * USUAL
    different, back = np.unique(at, return_inverse=True)
    rolling = np.zeros((len(different), len(LEADS), len(LEVELS)))
    for lead, ahead in enumerate(LEADS):
        size = np.abs(logs - lagged(logs, [ahead])[..., 0])
        for row, end in enumerate(different):
            recent = size[:, max(0, end + 1 - months) : end + 1]
            known = recent[np.isfinite(recent)]
            rolling[row, lead] = _symmetric(known) if len(known) >= LEAST else usual * np.sqrt(ahead)
    return rolling[back]


def _symmetric(sizes: Array) -> Array:
    """(23,) quantiles of a distribution around 0 whose distance from it has the given sample."""
    from_middle = 2 * np.asarray(LEVELS) - 1
    return np.asarray(np.sign(from_middle) * np.quantile(sizes, np.abs(from_middle)))


def origins(panel: Panel, windows: Windows) -> Array:
    """(N,) indices of the origins among the panel's periods."""
    return np.asarray((windows.origin - panel.periods[0]).astype(np.int64) if len(windows) else windows.place)


def _prices(panel: Panel, windows: Windows, months: int) -> Array:
    logs, at = np.log(panel.target), origins(panel, windows)
    return np.asarray(np.exp(logs[windows.place, at][:, None, None] + steps(logs, months, at)))
