"""An issued forecast, and the product that is made of it: a file for other systems."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime
from typing import Any, SupportsIndex

import numpy as np

from tasks.data import Array, Panel, Windows


@dataclass(frozen=True, kw_only=True)
class Issued:
    """One country's newest forecast.

    model: name of the run whose model made it. windows: one a place, all of one origin. forecast: (N, H, K) as of
    `Task.forecast`. levels: (K,) or () for probabilities. sent: when, with a time zone. sender: whose forecast it is, a
    name on the internet. cost_loss: the cost of acting over the loss it prevents; who acts on a probability at or above
    it gains in the long run. samples, seed: how many to draw, and from where on. replaces: the alert that was given
    before, as `cap.reference` reads it, or ''.
    """

    model: str
    settings: Any
    panel: Panel
    windows: Windows
    forecast: Array
    levels: tuple[float, ...]
    sent: datetime
    sender: str
    cost_loss: float
    samples: int
    seed: int
    replaces: str = ""

    @property
    def origin(self) -> str:
        """The last period whose target is known, YYYY-MM."""
        return str(self.windows.origin[0])

    def place(self, row: SupportsIndex) -> str:
        """The id of the place of a window."""
        return self.windows.places[int(self.windows.place[row])]


@dataclass(frozen=True, kw_only=True)
class Product:
    """text: the file, or None where there is nothing to hand on. summary: one line on it for the forecaster."""

    text: str | None
    summary: str


def newest(windows: Windows) -> Windows:
    """The windows of the latest origin, in the order of their places; none if there are none."""
    if not len(windows):
        return windows
    return windows.take(np.flatnonzero(windows.origin == windows.origin.max()))


def first_day(month: Any) -> str:
    """YYYY-MM-DD of the first day of a datetime64[M]."""
    return f"{month}-01"


def last_day(month: Any) -> str:
    """YYYY-MM-DD of the last day of a datetime64[M]."""
    year, number = map(int, str(month).split("-"))
    return f"{month}-{monthrange(year, number)[1]}"


def counted(number: int, word: str) -> str:
    """Such as '1 place', '2 places'."""
    return f"{number} {word}{'' if number == 1 else 's'}"
