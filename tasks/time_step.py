"""The steps in which records come: months, weeks and days, all as numpy dates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class TimeStep:
    """One step from a period to the next.

    unit: of its periods as datetime64, 'M' or 'D'; a week is the date of its last day. length: units in a step.
    block: unit and length of the blocks of time that intervals of scores rest on. A block must be longer than errors
        resemble each other: Kunsch (1989), https://doi.org/10.1214/aos/1176347265.
    """

    unit: Literal["M", "D"]
    length: int
    block: tuple[str, int]

    @property
    def dtype(self) -> np.dtype[np.datetime64]:
        """Of its periods."""
        return np.dtype(f"datetime64[{self.unit}]")

    def after(self, periods: Array, steps: Array | int) -> Array:
        """The periods that many steps later."""
        return np.asarray(periods + self.length * np.asarray(steps))

    def last(self, text: str) -> np.datetime64:
        """The last period of what a user wrote: YYYY-MM or, for weeks and days, YYYY-MM-DD; of a month its last day.

        Raises ValueError for anything else.
        """
        if self.unit == "M" or not re.fullmatch(r"\d{4}-\d{2}", text):
            return self.first(text)
        following: np.datetime64 = (np.datetime64(text, "M") + 1).astype("datetime64[D]")
        return following - 1

    def first(self, text: str) -> np.datetime64:
        """As `last`, but of a month its first day."""
        if not re.fullmatch(r"\d{4}-\d{2}" if self.unit == "M" else r"\d{4}-\d{2}(-\d{2})?", text):
            raise ValueError(f"{text!r} is no {'month' if self.unit == 'M' else 'date'}; {self.format}")
        try:
            first: np.datetime64 = np.datetime64(text, self.unit)
        except ValueError:  # 2004-13
            raise ValueError(f"{text!r} is not in the calendar; {self.format}") from None
        return first

    @property
    def format(self) -> str:
        """How a user writes a cut."""
        if self.unit == "M":
            return "write months as YYYY-MM, for example 2004-12"
        return "write dates as YYYY-MM-DD, or a whole month as YYYY-MM, for example 2004-12-31 or 2004-12"

    def first_day(self, period: Any) -> Any:
        """datetime64[D], the first day of a period."""
        return period.astype("datetime64[D]") - (0 if self.unit == "M" else self.length - 1)

    def last_day(self, period: Any) -> Any:
        """datetime64[D], the last day of a period."""
        return period if self.unit == "D" else (period + 1).astype("datetime64[D]") - 1

    def over(self, moment: datetime) -> np.datetime64:
        """The last month, or the last day, that is over at a moment with a time zone, in UTC."""
        return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), self.unit) - 1

    def years_before(self, period: np.datetime64, years: int) -> np.datetime64:
        """The first period of the `years` that end with this one; a year of days and weeks has 365.25 days."""
        units = 12 * years if self.unit == "M" else round(365.25 * years)
        first: np.datetime64 = period - units + 1
        return first

    def blocks(self, periods: Array) -> Array:
        """(N,) int64 labels of the blocks of time, the same in every country."""
        unit, length = self.block
        return np.asarray(periods, self.dtype).astype(f"datetime64[{unit}]").astype(np.int64) // length


STEPS: Mapping[str, TimeStep] = {
    "month": TimeStep(unit="M", length=1, block=("M", 6)),  # outbreaks and droughts last about half a year
    "week": TimeStep(unit="D", length=7, block=("D", 91)),  # 13 weeks, beyond the usual horizon of 8; four in a year
    "day": TimeStep(unit="D", length=1, block=("Y", 1)),  # snow and low water keep errors similar for most of a year
}


def season_angle(periods: Array) -> Array:
    """Time of the year as an angle: 0 in January or on its first day, below 2 pi. Any shape of datetime64[M] or [D]."""
    if periods.dtype == STEPS["month"].dtype:
        return np.asarray(2 * np.pi * (periods.astype(np.int64) % 12) / 12)
    year = periods.astype("datetime64[Y]")
    first, following = (each.astype("datetime64[D]") for each in (year, year + 1))
    return np.asarray(2 * np.pi * (periods - first).astype(np.int64) / (following - first).astype(np.int64))
