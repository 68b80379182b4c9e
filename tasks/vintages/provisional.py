"""Months whose records still grow: kept as they are, left out, or completed by what usually comes in later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tasks.data import Array, Panel
from tasks.errors import SettingError
from tasks.time_step import STEPS
from tasks.vintages import triangle
from tasks.vintages.delay import FEWEST, Delay, Vintage, learn
from tasks.vintages.expected import LEAST, expected

Provisional = Literal["keep", "mask", "nowcast"]


@dataclass(frozen=True, kw_only=True)
class Settled:
    """The panel that a forecast starts from. way: what was done about the `young` counts; delay: None if unknown."""

    panel: Panel
    delay: Delay | None
    way: Provisional
    young: int


def settled(panel: Panel, vintages: Sequence[Vintage], known: np.datetime64, way: Provisional | None) -> Settled:
    """The records as they are to be used when month `known` was the last one over.

    vintages: earlier ones; those of later months are not looked at. A panel with a reporting triangle brings its own,
    and its newest counts are those at the end of its last period. way: None completes where a delay is learnt.
    Raises SettingError where something is to be done about young counts and no delay can be learnt.
    """
    if panel.known is not None:
        vintages, known = (*triangle.vintages(panel), *vintages), min(known, panel.periods[-1])
    delay = learn((*vintages, Vintage(known=known, panel=panel)), known) if vintages else None
    if delay is None:
        if way in ("mask", "nowcast"):
            raise SettingError(
                f"provisional={way} needs a reporting delay, which is learnt from archived records of {FEWEST + 1} "
                f"{panel.step}s in a row; leave the key out, and issue every {panel.step} with `gotong node issue`"
            )
        return Settled(panel=panel, delay=None, way="keep", young=0)
    young, chosen = int(provisional(panel, delay, known).sum()), way or "nowcast"
    if chosen == "keep":
        return Settled(panel=panel, delay=delay, way=chosen, young=young)
    done = masked(panel, delay, known) if chosen == "mask" else nowcast(panel, delay, known)
    return Settled(panel=done, delay=delay, way=chosen, young=young)


def provisional(panel: Panel, delay: Delay, known: np.datetime64) -> Array:
    """(P, T) True where a count is on record that is younger than the delay of its place. known: as of `Vintage`."""
    months = dict(zip(delay.places, delay.months, strict=True))
    own = np.array([months.get(place, delay.months_of_country) for place in panel.places])
    return (_ages(panel, known)[None] < own[:, None]) & np.isfinite(panel.target)


def masked(panel: Panel, delay: Delay, known: np.datetime64) -> Panel:
    """Without the provisional counts: forecasts start from the last complete month of each place."""
    return replace(panel, target=np.where(provisional(panel, delay, known), np.nan, panel.target))


def nowcast(panel: Panel, delay: Delay, known: np.datetime64) -> Panel:
    """With the provisional counts C completed to what they are expected to become.

    See `tasks.vintages.expected`; the prior is the last complete count of the place.
    """
    young = provisional(panel, delay, known)
    share = _shares(panel, delay, known)
    prior = np.maximum(_last_complete(panel.target, young), LEAST[panel.step])[:, None]
    return replace(panel, target=np.where(young, expected(panel.target, share, prior), panel.target))


def _ages(panel: Panel, known: np.datetime64) -> Array:
    """(T,) months or other steps since the end of each period, when `known` was the last month or day over."""
    step = STEPS[panel.step]
    return np.asarray((known - panel.periods.astype(step.dtype)).astype(int) // step.length)


def _shares(panel: Panel, delay: Delay, known: np.datetime64) -> Array:
    """(P, T) of the final count that is on record."""
    row = {place: at for at, place in enumerate(delay.places)}
    by_age = np.concatenate([delay.share, np.ones((len(delay.places), 1))], axis=1)
    whole = np.append(delay.whole, 1.0)
    ages = np.clip(_ages(panel, known), 0, len(whole) - 1)
    return np.stack([(by_age[row[place]] if place in row else whole)[ages] for place in panel.places])


def _last_complete(target: Array, young: Array) -> Array:
    """(P,) the last count that is not provisional; 0 where there is none."""
    known = np.isfinite(target) & ~young
    at = target.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), target[np.arange(len(target)), at], 0.0)
