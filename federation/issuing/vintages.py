"""National records as a country knew them, month after month: from the archive of what it issued."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from federation.issuing.archive import Issue, issues, records_of
from tasks.data import Panel
from tasks.settings import TaskSettings
from tasks.task import Task
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
    """What was known before a forecast was `sent`, by month; of several issues of a month the last one's records.

    made_at: when the forecast was archived, if it was; nothing archived later is read. played: whether it is one of an
    exercise, whose archive holds days that were played too; else such issues, whose files are younger than they say,
    are no vintages. Raises ArchiveError.
    """
    known = [
        each
        for each in issues(home, task.name)
        if each.content.country == country
        and _time(each.content.sent) < sent
        and (made_at is None or _time(each.content.made_at) < made_at)
        and (played or _complete(each.content.sent) == _complete(each.content.made_at))
    ]
    by_month: dict[np.datetime64, Issue] = {}
    for each in sorted(known, key=lambda issue: (_time(issue.content.sent), _time(issue.content.made_at))):
        by_month[_complete(each.content.sent)] = each
    return tuple(_read(task, by_month[month], settings, month) for month in sorted(by_month)[-MOST:])


def read_until(task: Task, folder: Path, country: str, settings: TaskSettings, until: np.datetime64) -> Panel:
    """The records of a folder, of no later month where the task can leave later ones out. Raises DataError."""
    if task.upcoming is None:
        return task.read(folder, country, settings)
    return task.upcoming(folder, country, settings, until)


def _read(task: Task, issue: Issue, settings: TaskSettings, month: np.datetime64) -> Vintage:
    with records_of(issue) as folder:
        return Vintage(known=month, panel=read_until(task, folder, issue.content.country, settings, month))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _complete(text: str) -> np.datetime64:
    """The last month that was over then."""
    return np.datetime64(_time(text).replace(tzinfo=None), "M") - 1
