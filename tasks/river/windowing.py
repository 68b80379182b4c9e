"""Panel -> windows gathered from a store: one situation a gauge and day, forecast 1 to 7 days ahead."""

from dataclasses import replace

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.gathered_windows import GatheredWindows, Lagged, Store, extended, joined
from tasks.river.features import HISTORY, departure, inputs, root_of, unit_of, unit_without_gauge, without_flow
from tasks.river.floods import events
from tasks.river.gauges import separated
from tasks.river.linear import SPREAD, centre, spread
from tasks.river.settings import LEADS, RiverSettings
from tasks.windows import ahead, part_of, training_periods

AHEAD = np.arange(1, LEADS + 1)


def windows(panel: Panel, settings: RiverSettings) -> Windows:
    """Situations in order of their origin, then gauge, from the second year of the record on.

    In training every `train_every` days, else every `every`, each with a measured flow; and every `hide_every` days of
    training one that hides the gauge.
    inputs: see `features`. target: departure of root(flow / mean) from `centre`, in units of `scale`. restore: these
    two, (N, 7), see `settings.departs_from`; `unit` (N,), the gauge's mean in mm/d; levels of
    floods and twins, see `floods.events` and `gauges.separated`. observed: mm/d.
    """
    store, day = _store(panel, settings), _days(panel)
    in_training = store.part == "train"
    often = np.where(in_training, settings.train_every, panel.static["every"][:, None])
    read = _from(store, (day % often == 0) & np.isfinite(panel.target))
    if not settings.hide_every:
        return read
    hidden = _hidden(store, panel, settings)
    return joined([read, _from(hidden, (in_training & (day % settings.hide_every == 0))[None] & _coming(panel))])


def ungauged(panel: Panel, settings: RiverSettings) -> GatheredWindows:
    """The scored situations as they would be without their gauges: no flow is known, not even its mean."""
    scored = (_days(panel) % panel.static["every"][:, None] == 0) & np.isfinite(panel.target)
    return _from(_hidden(_store(panel, settings), panel, settings), scored)


def _from(store: Store, begins: Array) -> GatheredWindows:
    """The windows that begin at the (P, T) marked places and days."""
    time, place = np.nonzero((begins & (np.arange(begins.shape[1]) >= HISTORY)).T)
    return GatheredWindows(store=store, place=place.astype(np.int64), time=time.astype(np.int32))


def _days(panel: Panel) -> Array:
    return panel.periods.astype("datetime64[D]").astype(np.int64)


def _coming(panel: Panel) -> Array:
    """(P, T) whether any flow of the days ahead was measured."""
    return np.asarray(np.isfinite(ahead(panel.target, LEADS)).any(axis=-1))


def _store(panel: Panel, settings: RiverSettings) -> Store:
    root, unit = root_of(panel, settings), unit_of(panel, settings)
    shape = (*root.shape, LEADS)
    if settings.departs_from == "recession":
        expected = centre(panel, settings, root)
        scale = spread(root, expected, training_periods(panel.periods, settings.calendar))[:, None]
    else:
        expected, scale = np.broadcast_to(root[..., None], shape), np.ones((1, 1, LEADS))
    return Store(
        country=panel.country,
        places=panel.places,
        periods=np.concatenate([panel.periods, panel.periods[-1] + AHEAD]),
        leads=AHEAD,
        part=part_of(panel.periods[:, None] + AHEAD, settings.calendar),
        inputs={**inputs(panel, settings, root), **departure(root, expected, scale)},
        target=Lagged(values=((ahead(root, LEADS) - expected) / scale).astype(np.float32)),
        observed=Lagged(values=extended(panel.target, LEADS), lags=AHEAD),
        restore={
            "centre": Lagged(values=np.nan_to_num(expected).astype(np.float32)),
            "scale": Lagged(values=np.broadcast_to(scale, shape)),
            "unit": Lagged(values=np.broadcast_to(unit[:, None], root.shape)),
            **events.of_windows(panel, settings),
            **separated.of_windows(panel, settings),
        },
    )


def _hidden(store: Store, panel: Panel, settings: RiverSettings) -> Store:
    """The same store without what the gauge says; a forecast departs from the mean that the weather suggests."""
    unit = unit_without_gauge(panel, settings)[:, None]
    root = np.sqrt(np.maximum(store.observed.values, 0) / unit)
    shape = (*panel.target.shape, LEADS)
    return replace(
        store,
        inputs=without_flow(store.inputs),
        target=Lagged(values=((root - 1) / SPREAD).astype(np.float32), lags=AHEAD),
        restore={
            **store.restore,
            "centre": Lagged(values=np.broadcast_to(1.0, shape)),
            "scale": Lagged(values=np.broadcast_to(SPREAD, shape)),
            "unit": Lagged(values=np.broadcast_to(unit, panel.target.shape)),
        },
    )
