"""What every run has, wherever its vaults are: on this machine, under Flower's engine, or in the countries."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from federation.composition.restore import restore
from federation.coordinator import checkpoint, rounds
from federation.coordinator.claims import Claim
from federation.coordinator.state import Federation, Progress
from federation.errors import ConfigError
from federation.runs import folder as run_folder
from federation.runs.initial import initial_of, with_initial
from federation.runs.operational import FOLD, is_fold, note
from federation.settings.schema import OPERATIONAL, Settings
from federation.strategies.strategy import public
from federation.wire.model import model_digest
from tasks.registry import TASKS
from tasks.task import Task

NOTHING: Mapping[str, Claim] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that is ready to begin or to continue. notes: lines for the person who started it."""

    settings: Settings
    folder: Path
    federation: Federation
    progress: Progress
    notes: tuple[str, ...] = ()

    @property
    def task(self) -> Task:
        """What is forecast."""
        return TASKS[self.settings.task.name]

    @property
    def headline(self) -> str:
        """The score that tables and the progress line show: the task's first."""
        return next(iter(self.task.scores))


def new(
    settings: Settings,
    folder: Path,
    nodes: Mapping[str, int],
    notes: tuple[str, ...] = (),
    declared: Mapping[str, Claim] = NOTHING,
) -> Run:
    """A run before its first round; `save` writes its first checkpoint. nodes: country -> Flower node.

    Of an operational pair the refit alone starts from `start_from`.
    Raises ConfigError or CheckpointError for a `start_from` whose model does not fit, or saw what this run forecasts.
    """
    settings = with_initial(with_champion(settings))
    federation = federation_of(settings, folder, nodes, declared)
    start = federation.initial or None
    if settings.start_from is not None and not is_fold(settings):
        before = run_folder.existing(settings.runs, settings.start_from)
        start = checkpoint.load_model(before)
        _check_seen(settings, before)
    progress = rounds.begin(federation, start)
    if federation.champion:
        _check_structure(settings, federation.champion, progress.model)
    said = (*note(settings), *notes)
    return Run(settings=settings, folder=folder, federation=federation, progress=progress, notes=said)


def _check_seen(settings: Settings, before: Path) -> None:
    """Raise ConfigError for first weights that saw what this run forecasts: trained on it, or chosen by its test."""
    values = checkpoint.read_header(before / checkpoint.FILE)["settings"]
    seen, calendar = restore(Settings, values, "checkpoint").task.calendar, settings.task.calendar
    if seen.step != calendar.step:
        return
    for cut, what in enumerate(("trained to", "chosen by periods until")):
        if seen.cuts()[cut] > calendar.cuts()[cut]:
            raise ConfigError(
                f"start_from={before.name} was {what} {seen.cuts()[cut]}, and this run means to forecast periods after "
                f"{calendar.cuts()[cut]} unseen; start from an earlier run, or from none"
            )


def _check_structure(settings: Settings, champion: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    there, here = ({name: value.shape for name, value in arrays.items()} for arrays in (champion, model))
    if there != here:
        differ = ", ".join(sorted(name for name in {*there, *here} if there.get(name) != here.get(name)))
        raise ConfigError(
            f"champion={settings.champion} holds another model than this run's settings make ({differ}); both are "
            f"scored on the same windows, so give a champion with the same settings of the model"
        )


def save(run: Run) -> None:
    """The first checkpoint: from here on, the run can be resumed."""
    checkpoint.save(run.federation, run.progress)


def saved(folder: Path, **changes: Any) -> tuple[Settings, Progress, list[str]]:
    """Settings (with changes), progress and countries of a run's checkpoint. Raises CheckpointError or ConfigError."""
    progress, header = checkpoint.load(folder / checkpoint.FILE)
    settings = replace(restore(Settings, header["settings"], "checkpoint"), **changes)
    return settings, progress, list(header["countries"])


def federation_of(
    settings: Settings, folder: Path, nodes: Mapping[str, int], declared: Mapping[str, Claim] = NOTHING
) -> Federation:
    """The run as the coordinator knows it. declared: country -> the largest counts in its terms.

    Raises CheckpointError for a refit whose fold has not ended, ConfigError for another file of first weights.
    """
    averaged = checkpoint.averaged_rounds(Path(settings.runs) / settings.fold) if settings.is_refit else None
    return Federation(
        run=folder.name,
        plan=settings.plan(),
        settings=settings,
        nodes=nodes,
        checkpoint=folder / checkpoint.FILE,
        declared=declared,
        averaged=averaged,
        champion=_champion(settings),
        initial=initial_of(settings),
    )


def with_champion(settings: Settings) -> Settings:
    """The settings with the part on which the champion is compared, and the digest of its weights.

    A study's test compares both. Of an operational run the fold does so on its validation, with the champion's fold;
    the refit has nothing left to compare on. Raises ConfigError for a champion that saw what is forecast.
    """
    part = "validation" if settings.purpose == OPERATIONAL else "test"
    if settings.champion is None or settings.is_refit:
        return replace(settings, champion_part="", champion_digest="")
    settings = replace(settings, champion_part=part)
    values = checkpoint.read_header(_champion_folder(settings) / checkpoint.FILE)["settings"]
    there = restore(Settings, values, "checkpoint").task
    if there.name != settings.task.name:
        raise ConfigError(f"champion={settings.champion} is of task={there.name}; give one of {settings.task.name}")
    calendars = there.calendar, settings.task.calendar
    seen, here = (calendar.cuts()[1 if part == "test" else 0] for calendar in calendars)
    if seen > here:
        raise ConfigError(
            f"champion={settings.champion} rests on records until {seen}, to be compared on what follows {here}; "
            f"compare it in a run whose {part} begins later"
        )
    return replace(settings, champion_digest=model_digest(_champion(settings)))


def _champion(settings: Settings) -> Mapping[str, Any]:
    """Weights of the model that the run is compared with, of those that travel; none without `champion`."""
    if not settings.champion_part:
        return {}
    return public(checkpoint.load_model(_champion_folder(settings)), settings.strategy.private)


def _champion_folder(settings: Settings) -> Path:
    name = f"{settings.champion}{FOLD if settings.champion_part == 'validation' else ''}"
    return run_folder.existing(settings.runs, name)
