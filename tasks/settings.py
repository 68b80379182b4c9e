"""What every task lets a run choose, and the calendar that all countries share."""

from dataclasses import dataclass, field

import numpy as np

from tasks.errors import SettingError
from tasks.evaluation.histograms import CUTS

UNALIGNED = "unaligned: flattering"  # what scores of countries cut at their own ends are called, wherever they are told


@dataclass  # not frozen: Hydra merges it
class Calendar:
    """The one calendar cut of a run, the same for every country; last months, inclusive, as YYYY-MM."""

    train_until: str = "2004-12"
    validate_until: str = "2006-12"
    test_until: str = "2008-12"
    excluded_period: list[str] = field(default_factory=list)  # first and last month, in the test, scored separately
    unaligned: bool = False  # test ends where each country's records do: flattering, a table of its own

    def check(self) -> None:
        """Raise SettingError unless the cuts rise and the excluded period lies within the test."""
        _, last, end = self.months()
        if self.excluded_period and self.unaligned:
            raise SettingError(
                "task.calendar: excluded_period names months of all countries, unaligned has none; leave one out"
            )
        first_excluded, last_excluded = self.excluded_months() or (last + 1, end)
        if not last < first_excluded <= last_excluded <= end:
            raise SettingError(
                f"task.calendar.excluded_period={self.excluded_period} must lie in the test, "
                f"after {self.validate_until} and until {self.test_until}"
            )

    def tested(self) -> str:
        """The years of the test in words, and what is peculiar about them."""
        first, last = self.months()[1:]
        if self.unaligned:
            return f"tested on the last {int((last - first).astype(int))} months of each country ({UNALIGNED})"
        without = f", without {' to '.join(self.excluded_period)}" if self.excluded_period else ""
        return f"tested after {self.validate_until}, until {self.test_until}{without}"

    def excluded_months(self) -> tuple[np.datetime64, np.datetime64] | None:
        """First and last month of the excluded period, or None; raises SettingError for other than two months."""
        if not self.excluded_period:
            return None
        try:
            first, last = (np.datetime64(text, "M") for text in self.excluded_period)
        except ValueError:
            raise SettingError(
                f"task.calendar.excluded_period={self.excluded_period} must be a first and a last month, "
                f"for example [2020-01,2021-12]"
            ) from None
        return first, last

    def months(self) -> tuple[np.datetime64, np.datetime64, np.datetime64]:
        """The three cuts as datetime64[M]; raises SettingError unless they are months in rising order."""
        texts = (self.train_until, self.validate_until, self.test_until)
        try:
            first, second, third = (np.datetime64(text, "M") for text in texts)
        except ValueError as error:
            raise SettingError(f"task.calendar: {error}; write months as YYYY-MM, for example 2004-12") from None
        if not first < second < third:
            raise SettingError(
                f"task.calendar: train_until, validate_until, test_until must rise, got {', '.join(texts)}"
            )
        return first, second, third


@dataclass  # not frozen: Hydra merges it
class TaskSettings:
    """What every task lets a run choose; each task adds its own keys."""

    name: str = ""
    calendar: Calendar = field(default_factory=Calendar)
    cost_loss: float = 0.3  # cost of acting on a warning over the loss it prevents: warn from that probability on

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        self.calendar.check()
        if self.cost_loss not in CUTS:
            raise SettingError(f"task.cost_loss is {self.cost_loss}; choose one of {', '.join(map(str, CUTS))}")
