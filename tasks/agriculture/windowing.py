"""Panel -> DenseWindows: one situation a harvest and place, forecast at four issue dates.

All four forecasts know the harvests up to the year before; the forecast of issue date k also knows the weather of the
season's phases 0 to k. Later phases are masked with 0, the weather of an average year.
"""

import numpy as np

from tasks.agriculture.history import History, history_of
from tasks.agriculture.schema import CROPS
from tasks.agriculture.seasons import ISSUES, PHASES
from tasks.agriculture.settings import AgricultureSettings
from tasks.data import Array, DenseWindows, Panel
from tasks.models.tokens import consecutive
from tasks.windows import ahead, carried, lagged, part_of, training_periods

PAST = 11  # features of earlier harvests
LIMIT = 5.0  # a feature further out says no more than this
SHORTFALL = 0.9  # of the trend: a harvest below is a shortfall
LEAST = 5  # training years that make a mean and a spread of the weather


def width(settings: AgricultureSettings) -> int:
    """Features per issue date."""
    return sum(map(len, tokens(settings)))


def tokens(settings: AgricultureSettings) -> tuple[tuple[int, ...], ...]:
    """Features that belong together: earlier harvests, crop, issue date, then all weather of each phase."""
    sizes = (PAST, len(CROPS), len(ISSUES))
    weather = sum(sizes) + PHASES * np.arange(len(settings.weather))
    phases = [tuple((weather + phase).tolist()) for phase in range(PHASES)] if settings.weather else []
    return (*consecutive(sizes), *phases)


def windows(panel: Panel, settings: AgricultureSettings) -> DenseWindows:
    """Situations in order of their harvest, then place, wherever one of the five harvests before is known.

    inputs: `features` (N, 4, F), one row an issue date. target: error of the offset in units of its past-only spread.
    restore: `offset`, `spread` and `unit` (N,), t/ha. threshold: below it the harvest is a shortfall, t/ha.
    The label of a situation is the same at all four issue dates. Training situations without it are left out.
    """
    history, known = history_of(panel.target, settings.view), len(panel.periods) - 1
    coming = ahead(panel.target, 1)[:, :known, 0]
    due = panel.periods[1:, None]
    part = part_of(due, settings.calendar)
    useful = np.isfinite(history.offset[:, :known]) & (np.isfinite(coming) | (part != "train"))
    origin, place = np.nonzero(useful.T)
    restore = {name: getattr(history, name)[place, origin] for name in ("offset", "spread", "unit")}
    observed = np.repeat(coming[place, origin][:, None], len(ISSUES), axis=1)
    return DenseWindows(
        country=panel.country,
        places=panel.places,
        inputs={"features": _features(panel, history, settings, place, origin)},
        target=((observed - restore["offset"][:, None]) / restore["spread"][:, None]).astype(np.float32),
        observed=observed,
        restore=restore,
        place=place.astype(np.int64),
        origin=panel.periods[origin],
        due=np.repeat(due[origin], len(ISSUES), axis=1),
        part=part[origin],
        threshold=np.repeat(SHORTFALL * history.trend[place, origin][:, None], len(ISSUES), axis=1),
    )


def _features(panel: Panel, history: History, settings: AgricultureSettings, place: Array, origin: Array) -> Array:
    """(N, 4, F) float32."""
    crop = np.eye(len(CROPS))[panel.static["crop"][place]]
    same = np.concatenate([_past(panel, history)[place, origin], crop], axis=1)
    every = np.repeat(same[:, None], len(ISSUES), axis=1)
    issue = np.broadcast_to(np.eye(len(ISSUES)), (len(place), len(ISSUES), len(ISSUES)))
    seen = np.tril(np.ones((len(ISSUES), PHASES)))  # issue date k sees phases 0 to k
    season = [_season(panel, variable, settings)[place, origin + 1][:, None] * seen for variable in settings.weather]
    table = np.concatenate([every, issue, *season], axis=2)
    return np.asarray(np.clip(np.nan_to_num(table), -LIMIT, LIMIT), np.float32)


def _past(panel: Panel, history: History) -> Array:
    """(P, T, PAST): distances from the offset and errors in units of the spread, the spread, the record's length."""
    last = history.last
    before = carried(lagged(last, [1])[..., 0], 1)
    reported = np.isfinite(history.error)
    together = np.where(reported, history.error, 0.0).sum(axis=0) / np.maximum(reported.sum(axis=0), 1)
    ways = [history.trend, history.long_trend, history.recent, history.mean, last]
    return np.stack(
        [
            *((way - history.offset) / history.spread for way in ways),
            (last - before) / history.spread,
            np.abs(last - before) / history.spread - 1,
            history.unrest,
            np.broadcast_to(together, last.shape),
            10 * (history.spread / history.unit - 0.1),
            np.minimum(np.isfinite(panel.target).cumsum(axis=1), 30) / 30,
        ],
        axis=-1,
    )


def _season(panel: Panel, variable: str, settings: AgricultureSettings) -> Array:
    """(P, T, 4) phase means as anomalies from the place's training years, in their standard deviations; NaN unknown."""
    values = np.stack([panel.covariates[f"{variable}_{phase}"] for phase in range(PHASES)], axis=-1)
    training = values[:, : training_periods(panel.periods, settings.calendar)]
    known = np.isfinite(training)
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, training, 0.0).sum(axis=1) / count
    variance = np.where(known, np.square(training - mean[:, None]), 0.0).sum(axis=1) / count
    usable = (known.sum(axis=1) >= LEAST) & (variance > 0)
    sd = np.sqrt(np.where(usable, variance, np.nan))
    return np.asarray((values - mean[:, None]) / sd[:, None])
