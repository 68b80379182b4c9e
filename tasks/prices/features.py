"""What a model sees of a series at an origin: (P, T, F), everything from prices up to that month.

Changes are in units of the country's own walk, so that the same numbers mean the same in calm and in restless markets.
"""

import numpy as np

from tasks.data import Array
from tasks.models.tokens import consecutive
from tasks.prices.settings import LEADS
from tasks.prices.walk import MONTHS
from tasks.time_step import season_angle
from tasks.windows import ahead, lagged, trailing_mean

BACK = (1, 3, 6, 12)  # months over which changes are seen
LEVELS_OF = (12, 36)  # months whose mean price the last one is compared with
LIMIT = 5.0  # a feature further out says no more than this
WORTH = 12  # months by which the share of unchanged prices of a series leans on its country's
SEASONS = 2  # years that the usual change of a season leans on none
FLOOR = 0.01  # log price; a unit is never smaller
GROUPS = (len(BACK), len(LEVELS_OF), len(BACK) + 2, 3 + len(LEADS), 5)
WIDTH = sum(GROUPS)


def tokens() -> tuple[tuple[int, ...], ...]:
    """Features that belong together: own changes, own level, other markets, season, unrest."""
    return consecutive(GROUPS)


def unit_of(logs: Array) -> Array:
    """(T,) log price: the mean size of the country's changes over three months in the last 60."""
    return np.asarray(np.maximum(np.nan_to_num(_country(trailing_mean(_size(logs, 3), MONTHS, 3))), FLOOR))


def gate_of(logs: Array) -> Array:
    """(P, T) in 0 to 1: (1 - share of unchanged months)^2 of the last 60, leaning on the country's share."""
    change = logs - lagged(logs, [1])[..., 0]
    same = np.where(np.isfinite(change), change == 0, np.nan)
    known, total = _sums(np.isfinite(same).astype(float)), _sums(np.nan_to_num(same))
    country = total.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.square(1 - (total + WORTH * country) / (known + WORTH)))


def features(logs: Array, group: Array, periods: Array) -> Array:
    """(P, T, F) float64, clipped, 0 where unknown. group: (P,) series of one number are of one commodity."""
    unit = unit_of(logs)
    own = _changes(logs)
    level = np.stack([logs - trailing_mean(logs, months) for months in LEVELS_OF], axis=-1)
    others = np.full((*logs.shape, len(BACK) + 2), np.nan)
    for number in np.unique(group):
        rows = group == number
        mean = _country(logs[rows])
        gap = logs[rows] - mean
        usual = gap - trailing_mean(gap, MONTHS)
        others[rows] = np.concatenate(
            [
                np.broadcast_to(_country_changes(own[rows]), own[rows].shape),
                np.stack([usual, gap - lagged(gap, [1])[..., 0]], axis=-1),
            ],
            axis=-1,
        )
    movements = np.concatenate([own, level, others], axis=-1) / unit[None, :, None]
    table = np.concatenate([movements, _season(logs, periods, unit), _unrest(logs, unit)], axis=-1)
    return np.asarray(np.clip(np.nan_to_num(table), -LIMIT, LIMIT))


def _changes(logs: Array) -> Array:
    return logs[..., None] - lagged(logs, BACK)


def _season(logs: Array, periods: Array, unit: Array) -> Array:
    """(P, T, 6): sine and cosine of the year, twice a year, and the usual change of earlier years over each lead."""
    angle = np.broadcast_to(season_angle(periods), logs.shape)
    waves = [np.sin(angle), np.cos(angle), np.sin(2 * angle)]
    return np.stack([*waves, *(_usual_change(logs, lead) / unit for lead in LEADS)], axis=-1)


def _usual_change(logs: Array, lead: int) -> Array:
    """(P, T) the mean change from this month of the year over a lead, of the years before, leaning on none.

    A year before, the change from the same month had ended: a lead is shorter than a year.
    """
    change = ahead(logs, lead)[..., lead - 1] - logs
    past = lagged(change, range(12, logs.shape[1] + 12, 12))
    known = np.isfinite(past)
    return np.asarray(np.where(known, past, 0.0).sum(axis=-1) / (known.sum(axis=-1) + SEASONS))


def _unrest(logs: Array, unit: Array) -> Array:
    """(P, T, 5): the size of own changes over the country's, of recent ones over usual ones, own and the country's, the
    share of unchanged prices, and the unit."""
    size = _size(logs, 1)
    own, recent, year = (trailing_mean(size, months) for months in (MONTHS, 6, 12))
    country, lately = (np.broadcast_to(_country(each), logs.shape) for each in (own, year))
    pairs = ((own, country), (recent, own), (lately, country))
    ratio = [np.log((one + FLOOR / 4) / (other + FLOOR / 4)) for one, other in pairs]
    scale = np.broadcast_to(np.log(unit / 0.05), logs.shape)
    return np.stack([*ratio, 2 * np.sqrt(gate_of(logs)) - 1, scale], axis=-1)


def _size(logs: Array, months: int) -> Array:
    return np.asarray(np.abs(logs - lagged(logs, [months])[..., 0]))


def _sums(values: Array) -> Array:
    """Sums of the last 60 months."""
    return trailing_mean(values, MONTHS) * np.minimum(np.arange(1, values.shape[1] + 1), MONTHS)


def _country(values: Array) -> Array:
    """(P, T) -> (T,) mean of the known; NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _country_changes(changes: Array) -> Array:
    """(P, T, B) -> (1, T, B)."""
    return np.stack([_country(changes[..., back]) for back in range(changes.shape[-1])], axis=-1)[None]
