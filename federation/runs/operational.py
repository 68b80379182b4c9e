"""Operational runs, which forecast what nobody has seen: two runs of one name, a fold that decides and a refit.

NAME-fold   trains to some years before the newest period; on those left, chooses rounds, weights and corrections
NAME        trains on all, from first weights of its own or a champion's, and takes the fold's choices as they are

So every choice rests on forecasts of a model that had seen nothing of what it forecast, its first weights included.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from federation.errors import ConfigError
from federation.settings.schema import AUTO, LATEST, OPERATIONAL, STUDY, Settings
from federation.training.jobs import seed_of
from tasks.settings import Calendar
from tasks.time_step import STEPS
from tasks.windows import moved

CUTS = ("train_until", "validate_until", "test_until")
FOLD = "-fold"  # ends the name of the run that decides


def is_fold(settings: Settings) -> bool:
    """Whether a run chooses for a refit; it never starts from another run's model."""
    return settings.purpose == OPERATIONAL and not settings.is_refit


def follows_records(settings: Settings) -> bool:
    """Whether a run's calendar is found by when the countries' records end."""
    return is_fold(settings) or settings.calendar == AUTO


def resolved(settings: Settings, ends: Mapping[str, str]) -> Settings:
    """The settings with the calendar that follows from the countries' records; validation and test stay as long.

    Of a fold: with the period to which its refit will train, where the fold's validation ends. Of a study with
    calendar=auto: its test ends with the latest period.
    ends: country -> the last period of its records, of those that say it.
    Raises ConfigError for a period that lies ahead, and where no country says when its records end.
    """
    step = STEPS[settings.task.calendar.step]
    today = np.datetime64("now").astype(step.dtype)
    for country, text in sorted(ends.items()):
        if lies_ahead(text, settings.task.calendar.step):
            raise ConfigError(f"the records of {country} end in {text}, which lies ahead; correct them")
    until = settings.until or LATEST
    if until == LATEST:
        remedy = "task.calendar its three cuts" if settings.purpose == STUDY else "until= a period"
        until = str(latest(ends, settings.task.calendar.step, remedy))
    if settings.purpose == STUDY:
        return replace(settings, task=replace(settings.task, calendar=ending_in(settings.task.calendar, until)))
    try:
        last = step.last(until)
    except ValueError as error:
        raise ConfigError(f"until={until}: {error}") from None
    if last >= today:
        raise ConfigError(f"until={until}, which lies ahead or is not over; give a period that is over")
    calendar = moved(settings.task.calendar, last - step.last(settings.task.calendar.validate_until))
    return replace(settings, until=str(last), task=replace(settings.task, calendar=calendar))


def latest(ends: Mapping[str, str], step_name: str, remedy: str) -> np.datetime64:
    """The last period that more than half of the countries report, and one that is over.

    Raises ConfigError, with the remedy, where no country says when its records end.
    """
    step = STEPS[step_name]
    if not ends:
        raise ConfigError(f"no country says when its records end; give {remedy}")
    reported = sorted((step.last(text) for text in ends.values()), reverse=True)[len(ends) // 2]
    last: np.datetime64 = min(reported, np.datetime64("now").astype(step.dtype) - 1)
    return last


def ending_in(calendar: Calendar, period: str) -> Calendar:
    """The calendar moved so that its test ends in this period."""
    step = STEPS[calendar.step]
    return moved(calendar, step.last(period) - step.last(calendar.test_until))


def outside(calendar: Calendar, ends: Mapping[str, str]) -> str:
    """That no country's records reach into the training years, when they end, and the settings that fit them."""
    said = ", ".join(f"{country} {span}" for country, span in sorted(ends.items())[:4]) or "nobody says"
    message = (
        f"no country's records can train until task.calendar.train_until={calendar.train_until}; on record are {said}"
    )
    last = {country: span.split(" to ")[-1] for country, span in ends.items()}
    if not last or any(lies_ahead(end, calendar.step) for end in last.values()):
        return f"{message}; set task.calendar.train_until, validate_until and test_until within these periods"
    fits = ending_in(calendar, str(latest(last, calendar.step, "")))
    cuts = " ".join(f"task.calendar.{key}={getattr(fits, key)}" for key in CUTS)
    return f"{message}; these fit: {cuts}, which calendar=auto finds by itself"


def lies_ahead(period: str, step_name: str) -> bool:
    """Whether the end of somebody's records is later than this year: a harvest counts as the December of its year."""
    step = STEPS[step_name]
    today = np.datetime64("now").astype(step.dtype)
    december = np.datetime64(f"{today.astype('datetime64[Y]')}-12-31").astype(step.dtype)
    return bool(step.last(period) > december)


def refit_of(fold: Settings, name: str) -> Settings:
    """The settings of the refit, from those that its fold began with."""
    task = replace(fold.task, calendar=replace(fold.task.calendar, refit=True))
    return replace(fold, name=name, fold=f"{name}{FOLD}", seed=seed_of(fold.seed, "refit") % 2**31, task=task)


def note(settings: Settings) -> tuple[str, ...]:
    """A line for the person who starts a run on what it does in an operational pair, or which calendar was found."""
    calendar = settings.task.calendar
    if settings.calendar == AUTO:
        cuts = f"trained to {calendar.train_until}, validated to {calendar.validate_until}"
        return (f"calendar=auto: {cuts}, tested to {calendar.test_until}",)
    if settings.is_refit:
        chosen = f"rounds, weights and corrections are those of {settings.fold}"
        return (f"trained to {calendar.validate_until}: {chosen}, and no round is validated",)
    if settings.purpose == OPERATIONAL:
        return (
            f"the fold: trained to {calendar.train_until}, chooses by what follows until {calendar.validate_until}",
        )
    return ()


def ledger_folder(settings: Settings, folder: Path) -> Path:
    """Where a simulation keeps the vaults' ledger: a refit's vaults are those of its fold."""
    return Path(settings.runs) / settings.fold if settings.is_refit else folder


def unlike_ends(ends: Mapping[str, str], until: str, step_name: str) -> list[str]:
    """Sentences on countries whose records do not end where training does."""
    last = STEPS[step_name].last
    early = [f"{country} in {end}" for country, end in sorted(ends.items()) if last(end) < last(until)]
    late = [f"{country} in {end}" for country, end in sorted(ends.items()) if last(end) > last(until)]
    lines = []
    if early:
        lines.append(f"Records that end before {until} are trained on as far as they go: {', '.join(early)}.")
    if late:
        lines.append(f"Records that go on after {until} are not trained on from there: {', '.join(late)}.")
    return lines
