"""National records as a country knew them, month after month: from the archive of what it issued."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from federation.issuing.archive import Issue, issues, records_of
from tasks.data import Panel
from tasks.settings import TaskSettings
from tasks.task import Task
from tasks.time_step import STEPS
from tasks.vintages.delay import Vintage

MOST = 48  # of the newest vintages; older habits of reporting say little


def vintages(
    home: Path,
    country: str,
    task: Task,
    settings: TaskSettings,
    *,
    sent: datetime,
    made_at: datetime | None = None,
    played: bool = False,
) -> tuple[Vintage, ...]:
    """The records that were known before a forecast was sent, by month; see `before`. Raises ArchiveError."""
    archived = [each for each in issues(home, task.name) if each.content.country == country]
    step = settings.calendar.step
    chosen = before(archived, sent=sent, made_at=made_at, played=played, step=step)
    months = [complete(each.content.sent, step) for each in chosen]
    return tuple(
        Vintage(known=month, panel=read(task, each, settings, month))
        for month, each in zip(months, chosen, strict=True)
    )


def before(
    issues: Iterable[Issue], *, sent: datetime, made_at: datetime | None, played: bool, step: str = "month"
) -> list[Issue]:
    """The issues whose records were known before a forecast was `sent`: the last one of each month, the newest MOST.

    made_at: when the forecast was archived, if it was; what was archived later is left out. played: whether it is one
    of an exercise, whose archive holds days that were played too; else such issues, whose files are younger than they
    say, are no vintages; of weeks and days by the day. An issue that looked back at an earlier month (origin=) is none
    either.
    """
    by_month: dict[np.datetime64, Issue] = {}
    for each in sorted(issues, key=lambda issue: (time(issue.content.sent), time(issue.content.made_at))):
        month = complete(each.content.sent, step)
        early = time(each.content.sent) < sent and (made_at is None or time(each.content.made_at) <= made_at)
        true_to_date = played or month == complete(each.content.made_at, step)
        if early and true_to_date and each.content.as_of == str(month):
            by_month[month] = each
    return [by_month[month] for month in sorted(by_month)[-MOST:]]


def read(task: Task, issue: Issue, settings: TaskSettings, until: np.datetime64) -> Panel:
    """The records of an issue, of no month after `until` where the task can leave those out. Raises ArchiveError."""
    with records_of(issue) as folder, _quietly():
        return read_until(task, folder, issue.content.country, settings, until)


def read_until(task: Task, folder: Path, country: str, settings: TaskSettings, until: np.datetime64) -> Panel:
    """The same of a folder of national files. Raises DataError."""
    if task.upcoming is None:
        return task.read(folder, country, settings)
    return task.upcoming(folder, country, settings, until)


@contextmanager
def _quietly() -> Iterator[None]:
    """What is odd about archived records was said when the issue was made."""
    log = logging.getLogger("tasks.files.load")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def complete(at: str, step: str = "month") -> np.datetime64:
    """The last month, or of weeks and days the last day, that was over at a time, ISO 8601."""
    return STEPS[step].over(time(at))


def time(text: str) -> datetime:
    """UTC, of ISO 8601."""
    return datetime.fromisoformat(text).astimezone(UTC)
