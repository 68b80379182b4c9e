"""What happened, at a stated vintage: records as known a fixed number of months after the month, or as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tasks.data import Array, Panel, Windows
from tasks.settings import TaskSettings
from tasks.task import Task
from tasks.vintages.delay import Vintage


@dataclass(frozen=True, kw_only=True)
class Truth:
    """vintages: archived ones and that of now, which is the last. lag: months after a month; None: the records of now.

    cut: a vintage and settings -> its windows, made once.
    """

    task: Task
    vintages: tuple[Vintage, ...]
    lag: int | None
    cut: dict[tuple[int, str], Windows] = field(default_factory=dict)

    @property
    def now(self) -> Panel:
        """The records as they are."""
        return self.vintages[-1].panel

    def words(self) -> str:
        """The vintage, for tables."""
        return "records of now" if self.lag is None else f"records as known {self.lag} months after each month"

    def vintage_of(self, month: np.datetime64) -> int | None:
        """Which vintage a month is scored by: the first that is old enough; None where none is yet."""
        if self.lag is None:
            return len(self.vintages) - 1 if month <= self.vintages[-1].known else None
        return next((at for at, each in enumerate(self.vintages) if each.known >= month + self.lag), None)

    def observed(self, settings: TaskSettings, places: tuple[str, ...], origin: Array, due: Array) -> Array:
        """(N, H) what happened, NaN where it is not known at its vintage. origin: (N,); due: (N, H)."""
        observed = np.full(due.shape, np.nan)
        for month in np.unique(due):
            at = self.vintage_of(month)
            if at is None:
                continue
            windows = self._windows(at, settings)
            rows = rows_of(windows, places, origin)
            there = rows >= 0
            values = np.full(due.shape, np.nan)
            values[there] = windows.observed[rows[there]][:, : due.shape[1]]
            observed = np.where(due == month, values, observed)
        return observed

    def _windows(self, at: int, settings: TaskSettings) -> Windows:
        key = (at, repr(settings))
        if key not in self.cut:
            self.cut[key] = self.task.windows(self.vintages[at].panel, settings)
        return self.cut[key]


def rows_of(windows: Windows, places: tuple[str, ...], origin: Array) -> Array:
    """(N,) the windows of these places at these origins; -1 where there is none."""
    months = windows.origin.astype("datetime64[M]").astype(int)
    known: Mapping[tuple[str, int], int] = {
        (windows.places[place], month): row
        for row, (place, month) in enumerate(zip(windows.place.tolist(), months.tolist(), strict=True))
    }
    wanted = zip(places, origin.astype("datetime64[M]").astype(int).tolist(), strict=True)
    return np.array([known.get(each, -1) for each in wanted], dtype=np.int64)
