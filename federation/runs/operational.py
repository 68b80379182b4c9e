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
from federation.settings.schema import LATEST, OPERATIONAL, Settings
from federation.training.jobs import seed_of
from tasks.time_step import STEPS
from tasks.windows import moved

FOLD = "-fold"  # ends the name of the run that decides


def is_fold(settings: Settings) -> bool:
    """Whether a run chooses for a refit; it never starts from another run's model."""
    return settings.purpose == OPERATIONAL and not settings.is_refit


def resolved(settings: Settings, ends: Mapping[str, str]) -> Settings:
    """The settings of a fold with the period to which its refit will train, where the fold's validation ends.

    ends: country -> the last period of its records, of those that say it. `latest` is the last period that more than
    half of them report, and one that is over. Validation and test stay as long as they were.
    Raises ConfigError for a period that lies ahead, and where no country says when its records end.
    """
    step = STEPS[settings.task.calendar.step]
    today = np.datetime64("now").astype(step.dtype)
    for country, text in sorted(ends.items()):
        if lies_ahead(text, settings.task.calendar.step):
            raise ConfigError(f"the records of {country} end in {text}, which lies ahead; correct them")
    until = settings.until or LATEST
    if until == LATEST:
        if not ends:
            raise ConfigError("until=latest: no country says when its records end; give until= a period")
        reported = sorted((step.last(text) for text in ends.values()), reverse=True)[len(ends) // 2]
        until = str(min(reported, today - 1))
    try:
        last = step.last(until)
    except ValueError as error:
        raise ConfigError(f"until={until}: {error}") from None
    if last >= today:
        raise ConfigError(f"until={until}, which lies ahead or is not over; give a period that is over")
    calendar = moved(settings.task.calendar, last - step.last(settings.task.calendar.validate_until))
    return replace(settings, until=str(last), task=replace(settings.task, calendar=calendar))


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
    """A line for the person who starts a run on what it does in an operational pair."""
    calendar = settings.task.calendar
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
