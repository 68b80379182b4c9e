"""What every task lets a run choose, and the calendar that all countries share."""

from dataclasses import dataclass, field

import numpy as np

from tasks.errors import SettingError
from tasks.evaluation.histograms import CUTS
from tasks.time_step import STEPS

UNALIGNED = "unaligned: flattering"  # the name of scores of countries cut at their own ends, in every table


@dataclass  # not frozen: Hydra merges it
class Calendar:
    """The one calendar cut of a run, the same for every country; last periods, inclusive.

    They are YYYY-MM, or YYYY-MM-DD where a step is a week or a day. A week lies before a cut if its last day does.
    """

    train_until: str = "2004-12"  # the last period that is trained on
    validate_until: str = "2006-12"  # the last one that chooses rounds and corrections
    test_until: str = "2008-12"  # the last one that is tested
    excluded_period: list[str] = field(default_factory=list)  # first and last period, in the test, scored separately
    unaligned: bool = False  # test ends where each country's records do: flattering, a table of its own
    refit: bool = False  # training goes on to validate_until, and what validation decides was decided by another run
    step: str = "month"  # of the task's records; see tasks.time_step

    def check(self) -> None:
        """Raise SettingError unless the step is known, the cuts rise and the excluded period lies within the test."""
        if self.step not in STEPS:
            raise SettingError(f"task.calendar.step={self.step} is none of {', '.join(STEPS)}")
        _, last, end = self.cuts()
        if self.refit and self.unaligned:
            raise SettingError(
                "task.calendar: refit trains every country to the same cut, unaligned to its own; leave one out"
            )
        if self.excluded_period and self.unaligned:
            raise SettingError(
                f"task.calendar: excluded_period names {self.step}s of all countries, unaligned has none; leave one out"
            )
        first_excluded, last_excluded = self.excluded() or (last + 1, end)
        if not last < first_excluded <= last_excluded <= end:
            raise SettingError(
                f"task.calendar.excluded_period={self.excluded_period} must lie in the test, "
                f"after {self.validate_until} and until {self.test_until}"
            )

    def tested(self) -> str:
        """The years of the test in words, and what is peculiar about them."""
        first, last = self.cuts()[1:]
        if self.unaligned:
            periods = int((last - first).astype(int)) // STEPS[self.step].length
            return f"tested on the last {periods} {self.step}s of each country ({UNALIGNED})"
        without = f", without {' to '.join(self.excluded_period)}" if self.excluded_period else ""
        trained = f"trained to {self.validate_until}, " if self.refit else ""
        return f"{trained}tested after {self.validate_until}, until {self.test_until}{without}"

    def excluded(self) -> tuple[np.datetime64, np.datetime64] | None:
        """First and last period of the excluded period, or None; raises SettingError for other than two."""
        if not self.excluded_period:
            return None
        step = STEPS[self.step]
        try:
            first, last = self.excluded_period
            return step.first(first), step.last(last)
        except ValueError:
            raise SettingError(
                f"task.calendar.excluded_period={self.excluded_period} must be its first and its last {self.step}, "
                f"for example [2020-01,2021-12]"
            ) from None

    def cuts(self) -> tuple[np.datetime64, np.datetime64, np.datetime64]:
        """The ends of training, validation and test; raises SettingError unless they are periods in rising order.

        A refit trains to the end of the validation, of which nothing is left.
        """
        texts, step = (self.train_until, self.validate_until, self.test_until), STEPS[self.step]
        try:
            first, second, third = (step.last(text) for text in texts)
        except ValueError as error:
            raise SettingError(f"task.calendar: {error}") from None
        if not first < second < third:
            raise SettingError(
                f"task.calendar: train_until, validate_until, test_until must rise, got {', '.join(texts)}"
            )
        return (second if self.refit else first), second, third


@dataclass  # not frozen: Hydra merges it
class TaskSettings:
    """What every task lets a run choose; each task adds its own keys."""

    name: str = ""
    calendar: Calendar = field(default_factory=Calendar)
    cost_loss: float = 0.3  # cost of acting on a warning over the loss it prevents: warn from that probability on

    @property
    def acts_from(self) -> float:
        """The probability from which on a product warns, unless its forecaster names another."""
        return self.cost_loss

    @property
    def needs_weather(self) -> bool:
        """Whether the model takes the weather of the periods ahead as known, which a forecast must be given."""
        return False

    def check(self) -> None:
        """Raise SettingError for a value out of range; called before any data are read."""
        self.calendar.check()
        own = type(self)().calendar.step
        if self.calendar.step != own:
            raise SettingError(
                f"task.calendar.step={self.calendar.step}, but the records of task {self.name} come by the {own}; "
                f"leave the key out"
            )
        if self.cost_loss not in CUTS:
            raise SettingError(f"task.cost_loss is {self.cost_loss}; choose one of {', '.join(map(str, CUTS))}")

    def own_keys(self) -> tuple[str, ...]:
        """Keys in which a country's own model may differ from the run's, besides those of every model.

        The windows are the run's: a model may see less of them, and nothing else.
        """
        return ()

    def check_own(self, own: "TaskSettings") -> None:
        """Raise SettingError for a country's own settings that its windows, which are made by these, cannot serve."""
