"""Counts that come in late, by a law that is known."""

from dataclasses import replace

import numpy as np

from tasks.data import Panel
from tasks.vintages.delay import Vintage

SHARE = (0.5, 0.8, 0.95)  # of a final count, at the end of its month and one and two months later
FIRST = np.datetime64("2015-01", "M")


def final(places: int = 4, months: int = 60, cases: float = 400.0, seed: int = 1) -> Panel:
    """Poisson counts with a season."""
    season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(months) / 12)
    return Panel(
        country="LAO",
        periods=FIRST + np.arange(months),
        places=tuple(f"LA-{place}" for place in range(places)),
        target=np.random.default_rng(seed).poisson(cases * season, (places, months)).astype(float),
    )


def known_after(panel: Panel, at: int, seed: int = 2) -> Panel:
    """What is on record when month `at` is the last one over; a count never falls from vintage to vintage."""
    target = panel.target.copy()
    arrival = np.random.default_rng(seed).random((*target.shape, 2000))
    for age, share in enumerate(SHARE):
        cases = np.arange(arrival.shape[-1]) < target[:, at - age, None]
        target[:, at - age] = (cases & (arrival[:, at - age] < share)).sum(axis=-1)
    return replace(panel, periods=panel.periods[: at + 1], target=target[:, : at + 1])


def archive(panel: Panel, first: int, last: int) -> list[Vintage]:
    """The vintages of months `first` to `last`."""
    return [Vintage(known=panel.periods[at], panel=known_after(panel, at)) for at in range(first, last + 1)]
