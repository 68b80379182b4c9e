"""The counts that a forecaster had at each origin: those of now, or as they were on record then, completed or not."""

from dataclasses import dataclass

import numpy as np

from tasks.data import Array, Panel
from tasks.health_weekly.settings import HealthWeeklySettings
from tasks.vintages import triangle
from tasks.windows import lagged

CARRY = 3  # weeks that a last known value stands in for missing ones


@dataclass(frozen=True, kw_only=True)
class OnRecord:
    """log1p cases by origin.

    cases: (P, T) counts that do not change any more, by week. settled: their log1p. newest: (A, P, T) by origin:
        [age, :, t] is of week t - age as it stood at the end of week t. Without a triangle A is 1, and all are the
        counts of now.
    """

    cases: Array
    settled: Array
    newest: Array

    @property
    def late(self) -> int:
        """Weeks before an origin from which on counts are settled."""
        return len(self.newest) - 1

    def lag(self, weeks: int) -> Array:
        """(P, T): of the week so many before the origin."""
        return np.asarray(self.newest[weeks] if weeks <= self.late else lagged(self.settled, [weeks])[..., 0])

    def last(self, weeks: int = 0) -> Array:
        """(P, T): the same, or the last known value of the CARRY weeks before; NaN where all are missing."""
        filled = self.lag(weeks)
        for older in range(1, CARRY + 1):
            filled = np.where(np.isnan(filled), self.lag(weeks + older), filled)
        return filled

    def lasts(self, weeks: int) -> Array:
        """(P, T, L): `last` of the weeks 0, ..., L - 1 before the origin."""
        return np.stack([self.last(each) for each in range(weeks)], axis=-1)

    def mean(self, first: int, weeks: int) -> Array:
        """(P, T): of the known ones of so many weeks, the newest `first` before the origin; NaN where none is."""
        values = np.stack([self.lag(first + each) for each in range(weeks)])
        known = np.isfinite(values)
        total, count = np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def by_then(self, statistic: Array) -> Array:
        """(P, T, ...) by week -> by origin: as of the newest week whose counts are settled; NaN before the first."""
        if not self.late:
            return statistic
        earlier = np.full(statistic.shape, np.nan)
        earlier[:, self.late :] = statistic[:, : -self.late]
        return earlier


def on_record(panel: Panel, settings: HealthWeeklySettings) -> OnRecord:
    """By `settings.counts`; a country without a triangle has the counts of now."""
    if settings.counts == "final" or panel.known is None:
        values = np.log1p(panel.target)
        return OnRecord(cases=panel.target, settled=values, newest=values[None])
    newest = triangle.completed(panel.known, panel.step) if settings.counts == "nowcast" else triangle.seen(panel.known)
    stands_in = triangle.seen(np.broadcast_to(panel.target, panel.known.shape))  # where nobody kept what was known
    newest = np.where(np.isnan(triangle.seen(panel.known)), stands_in, newest)
    cases = np.where(np.isfinite(panel.known[-1]), panel.known[-1], panel.target)
    return OnRecord(cases=cases, settled=np.log1p(cases), newest=np.log1p(newest))
