"""What monthly and weekly health have in common: how windows are cut out of a panel, and what an outbreak is."""

import numpy as np

from tasks.data import Array, DenseWindows, Panel
from tasks.settings import Calendar
from tasks.time_step import STEPS
from tasks.windows import at_steps, part_of

SPREADS = 2.0  # standard deviations above the mean
FEW = 4.0  # cases that are never an outbreak, also where earlier years had none


def cut(
    panel: Panel,
    calendar: Calendar,
    *,
    steps: Array,
    features: Array,
    last: Array,
    scale: Array,
    threshold: Array,
    history: int,
) -> DenseWindows:
    """Every place at every period from which a forecast can be made, in order of time; of each the horizons `steps`.

    Model unit: log1p cases, minus the last known, in spreads of the place; `floor` is where it means no case.
    features: (P, T, F) by origin. last, scale: (P, T) by origin, log1p cases; without a last value there is no window.
    threshold: (P, T + H) by period due; more cases than that are an outbreak. history: periods before the first origin.
    """
    cases = at_steps(panel.target, steps.tolist())
    usable = np.isfinite(last)
    usable[:, :history] = False
    origin, place = np.nonzero(usable.T)
    at = (place, origin)
    target = (np.log1p(cases[at]) - last[at][:, None]) / scale[at][:, None]
    due = STEPS[panel.step].after(panel.periods[origin][:, None], steps)
    return DenseWindows(
        country=panel.country,
        places=panel.places,
        inputs={
            "features": features[at].astype(np.float32),
            "floor": (-last[at] / scale[at]).astype(np.float32),
        },
        target=target.astype(np.float32),
        observed=cases[at],
        restore={"last": last[at], "scale": scale[at]},
        place=place.astype(np.int64),
        origin=panel.periods[origin],
        due=due,
        part=part_of(due, calendar),
        threshold=threshold[place[:, None], origin[:, None] + steps],
    )


def above_usual(past: Array, least: int) -> Array:
    """Mean + 2 sd of the known of (P, T, S) earlier counts: (P, T), at least FEW; NaN with fewer than `least`.

    Source: the endemic channel of national dengue surveillance, for example
    https://doi.org/10.1371/journal.pntd.0004551
    """
    known = np.isfinite(past)
    count = known.sum(axis=-1)
    mean = np.where(known, past, 0.0).sum(axis=-1) / np.maximum(count, 1)
    squares = np.where(known, past - mean[..., None], 0.0) ** 2
    spread = np.sqrt(squares.sum(axis=-1) / np.maximum(count - 1, 1))
    return np.where(count >= least, np.maximum(mean + SPREADS * spread, FEW), np.nan)
