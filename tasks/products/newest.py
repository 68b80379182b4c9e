"""Whose forecast is the newest that the records allow: one window a place, at the last period it has on record."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.products.forecast import period_of
from tasks.time_step import STEPS

Late = Literal["forecast", "leave_out"]


@dataclass(frozen=True, kw_only=True)
class Newest:
    """windows: in the order of places. left_out: place -> why. too_old: how many of these are so for their age."""

    windows: Windows
    left_out: dict[str, str]
    too_old: int


def last_on_record(panel: Panel, reported: Array) -> Array:
    """(P,) the last period on record of each place, NaT where there is none. reported: (P, T)."""
    at = reported.shape[1] - 1 - reported[:, ::-1].argmax(axis=1)
    return np.where(reported.any(axis=1), panel.periods[at], np.datetime64("NaT"))


def newest(
    windows: Windows, last: Array, as_of: Any, largest_age: int, late: Late = "forecast", step: str = "month"
) -> Newest:
    """The window of each place at its own last period.

    last: (P,) of `last_on_record`. as_of: as in `Issued`; a place whose records are more than `largest_age` steps older
    is left out. late: whether places take part whose records end before the month with which those of most places end;
    of two such months the newer one.
    """
    origin = last[windows.place]
    chosen = windows.take(np.flatnonzero(windows.origin == origin))
    chosen = chosen.take(np.argsort(chosen.place, kind="stable"))
    age = (as_of - period_of(last, step)).astype(float) // STEPS[step].length  # NaN without a record
    age[np.isnat(last)] = np.nan
    ends, places = np.unique(last[~np.isnat(last)], return_counts=True)
    behind = last < ends[places == places.max()][-1] if len(ends) else np.zeros(len(last), bool)
    left_out: dict[str, str] = {}
    for at, place in enumerate(windows.places):
        if np.isnat(last[at]):
            left_out[place] = "no record"
        elif age[at] > largest_age:
            left_out[place] = f"records end {period_of(last[at], step)}, {age[at]:.0f} {step}s old"
        elif late == "leave_out" and behind[at]:
            left_out[place] = f"records end {period_of(last[at], step)}"
        elif at not in chosen.place:
            left_out[place] = "records too short"
    kept = np.array([windows.places[int(at)] not in left_out for at in chosen.place], dtype=bool)
    return Newest(windows=chosen.take(np.flatnonzero(kept)), left_out=left_out, too_old=int((age > largest_age).sum()))
