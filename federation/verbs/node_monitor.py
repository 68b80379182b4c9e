"""`gotong node monitor country=VNM data=records home=node`: issued forecasts with what happened. Nothing leaves."""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from federation.composition.compose import compose
from federation.composition.written import written
from federation.deployment import logs
from federation.errors import ConfigError
from federation.issuing import archive
from federation.issuing.archive import Issue
from federation.issuing.basis import Bases
from federation.issuing.vintages import before, complete, read_until
from federation.monitoring.monitor import Monitored, monitor
from federation.monitoring.report import as_json, lines, log_line
from federation.monitoring.scored import monitored
from federation.monitoring.truth import Truth
from federation.settings.checks import one_of
from federation.verbs.forecast import now_or_played
from federation.verbs.own_packages import load_own_packages
from federation.verbs.word_checks import required
from tasks.files.atomic import write_atomically
from tasks.files.folders import country_folder
from tasks.places.countries import problem_with
from tasks.registry import TASKS
from tasks.time_step import STEPS
from tasks.vintages.delay import Vintage

ALARM = 3  # exit code: something alarms that nobody has reviewed; 1 is a mistake, as of every verb
NOW, FOLDER = "now", "monitoring"
EXAMPLE = "gotong node monitor country=VNM data=records home=node"


@dataclass  # not frozen: Hydra merges it
class MonitorSettings:
    """country, data: whose records say what happened. home: of the node, whose archive has the issues.

    of_task (written task=): one task; None: every task that was issued. lag: months after a month at which its records
    are taken for the truth, from the archive as far as it has them; `now`: the records of now. reviewed: YYYY-MM, a
    person has looked at the alarms until then; it is remembered. today: as of `gotong forecast`, for exercises.
    """

    country: str | None = None
    data: str | None = None
    home: str = "node"
    of_task: str | None = written("task")
    lag: str = "2"
    reviewed: str | None = None
    today: str | None = None


def run(words: Sequence[str]) -> None:
    """Print tables, log a line a task, write HOME/monitoring/TASK.json; exit code 3 on an alarm."""
    load_own_packages(words)
    compose("node monitor", words, MonitorSettings, _monitor)


def _monitor(settings: MonitorSettings) -> None:
    country = required(settings.country, f"say whose forecasts: {EXAMPLE}")
    data = required(settings.data, f"say where the national files lie: {EXAMPLE}")
    if settings.of_task is not None:
        one_of("task", settings.of_task, tuple(TASKS))
    if wrong := problem_with(country):
        raise ConfigError(f"country: {wrong}")
    home, lag, now = Path(settings.home), _lag(settings.lag), now_or_played(settings.today)
    reviewed_now = None if settings.reviewed is None else _month(settings.reviewed)
    tasks = _issued(home, country, settings, now)
    logs.begin("monitor")
    alarms = 0
    for name, issues in tasks.items():
        done = _of_task(name, country, country_folder(Path(data), country), issues, lag, now, settings)
        file = home / FOLDER / f"{name}.json"
        reviewed = _reviewed(file) if reviewed_now is None else reviewed_now
        for line in lines(done, reviewed):
            print(line)
        open_ones = done.alarms(reviewed)
        level = logging.WARNING if open_ones else logging.INFO
        logging.getLogger("monitor").log(level, log_line(done, reviewed))
        write_atomically(file, as_json(done, reviewed).encode())
        print(file)
        alarms += len(open_ones)
    if alarms:
        sys.exit(ALARM)


def _issued(home: Path, country: str, settings: MonitorSettings, now: datetime) -> dict[str, list[Issue]]:
    """Task -> its issues until now, without those of exercises unless this is one. Raises ConfigError for none."""
    tasks: dict[str, list[Issue]] = {}
    for each in archive.issues(home, settings.of_task):
        content = each.content
        real = settings.today is not None or not content.settings["played"]
        if content.country == country and real and datetime.fromisoformat(content.sent) <= now:
            tasks.setdefault(content.task, []).append(each)
    monthly = {name for name in tasks if TASKS[name].settings().calendar.step == "month"}  # charts count months
    tasks = {name: issues for name, issues in tasks.items() if name in monthly and monitored(issues)[0]}
    if not tasks:
        of_task = "" if settings.of_task is None else f" of task {settings.of_task}"
        raise ConfigError(
            f"{home} has issued nothing for {country}{of_task} that can be monitored; issue with `gotong node issue`"
            + ("" if settings.today else ", and give today=YYYY-MM-DD in an exercise")
        )
    return tasks


def _of_task(
    name: str,
    country: str,
    folder: Path,
    issues: list[Issue],
    lag: int | None,
    now: datetime,
    settings: MonitorSettings,
) -> Monitored:
    task, bases = TASKS[name], Bases(task=TASKS[name], archived=issues)
    old = before(issues, sent=now, made_at=None, played=settings.today is not None)
    known = complete(now.isoformat())
    records = read_until(task, folder, country, bases.settings_of(monitored(issues)[0][-1]), known)
    vintages = (*(bases.vintage_of(each) for each in old), Vintage(known=known, panel=records))
    return monitor(task, country, issues, bases.of, Truth(task=task, vintages=vintages, lag=lag))


def _lag(text: str) -> int | None:
    """Raises ConfigError for another word than `now` or a number of months."""
    if text == NOW:
        return None
    if not text.isdecimal() or int(text) > 24:
        raise ConfigError(f"lag={text}: write 0 to 24 months, or {NOW}")
    return int(text)


def _reviewed(file: Path) -> str:
    """The month that the last monitoring remembers; "" for none. Raises ConfigError."""
    try:
        before = json.loads(file.read_text())["reviewed"]
        return "" if before == "" else _month(before)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError, ConfigError):
        raise ConfigError(f"{file} is damaged; remove it, and give reviewed=YYYY-MM if alarms were reviewed") from None


def _month(text: str) -> str:
    """Raises ConfigError for no month, or one to come, until which nobody can have looked."""
    try:
        month = STEPS["month"].last(text)
    except ValueError as error:
        raise ConfigError(f"reviewed: {error}") from None
    if month > np.datetime64("now", "M"):
        raise ConfigError(f"reviewed={text} is yet to come; write the last month whose alarms were looked at")
    return str(month)
