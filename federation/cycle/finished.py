"""Finished runs that may be compared: what each rests on, and in which settings of its recipe two of them differ."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.composition.restore import flat, restore
from federation.coordinator import checkpoint
from federation.errors import ConfigError
from federation.runs import folder as run_folder
from federation.runs.operational import FOLD
from federation.settings.schema import OPERATIONAL, Settings
from federation.settings.values import plain
from federation.studies.recipe_choice import NOT_LEARNT
from federation.tracking.run_state import state

# Settings in which a refresh may differ from its champion: when, from which draw, and compared with whom.
OF_A_REFRESH = (
    *("device", "engine", "precision", "deadline", "retries", "champion"),
    *("seed", "champion_part", "champion_digest", "fold", "until", "task.calendar.refit", "start_from"),
    "initial_weights",
    *("task.calendar.train_until", "task.calendar.validate_until", "task.calendar.test_until"),
)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that ended. settings: with this version's defaults for keys that its own version did not have."""

    folder: Path
    settings: Settings
    countries: tuple[str, ...]

    @property
    def operational(self) -> bool:
        """Whether it was trained to the newest period, by the choices of its fold."""
        return self.settings.purpose == OPERATIONAL

    @property
    def fold(self) -> Path:
        """The folder whose scores are compared: of an operational run that of its fold, else its own."""
        return self.folder.with_name(f"{self.folder.name}{FOLD}") if self.operational else self.folder


def finished(runs: str, name: str) -> Finished:
    """Raises ConfigError for a run that has not ended, or from which no forecast may be issued."""
    run = read(runs, name)
    if (ended := state(run.folder)) != "FINISHED":
        raise ConfigError(f"run {name} has not ended ({ended.lower()}); only a finished run is offered")
    settings = run.settings
    if settings.purpose == OPERATIONAL and not settings.fold:
        raise ConfigError(f"run {name} is a fold, which decides for its refit; offer run={name.removesuffix(FOLD)}")
    if settings.task.calendar.unaligned:
        raise ConfigError(f"run {name} cut each country at its own end, which flatters; offer a run of one cut")
    return run


def read(runs: str, name: str) -> Finished:
    """A run that ended before, such as a champion. Raises ConfigError or CheckpointError."""
    folder = run_folder.existing(runs, name)
    header = checkpoint.read_header(folder / checkpoint.FILE)
    settings = restore(Settings, header["settings"], "checkpoint", models=False)
    return Finished(folder=folder, settings=settings, countries=tuple(header["countries"]))


def unlike_keys(settings: Settings, before: Settings) -> list[str]:
    """Dotted keys in which the recipes of two runs differ: settings that decide what is learnt, not when, not the draw.

    `purpose` is none of them: a study and an operational run may have one recipe.
    """
    ours, theirs = recipe(settings), recipe(before)
    return sorted(key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key))


def recipe(settings: Settings) -> dict[str, Any]:
    """Dotted key -> value of the settings that decide what is learnt."""
    left = (*NOT_LEARNT, *OF_A_REFRESH, "arms", "purpose")
    return {
        key: value
        for key, value in flat(plain(settings)).items()
        if not any(key == name or key.startswith(f"{name}.") for name in left)
    }


def shown_by(run: Finished, before: Finished, evidence: str | None) -> Finished:
    """The study that compared an operational run's recipe with the champion's, on years that neither saw.

    The folds of two recipes cannot show it: each chose its rounds by the very months on which they are compared.
    """
    name = run.folder.name
    if evidence is None:
        keys = ", ".join(unlike_keys(run.settings, before.settings))
        raise ConfigError(
            f"run {name} has a new recipe ({keys}), and its fold chose its rounds by the months on which folds are "
            f"compared; give the study that tested both recipes on later years: evidence=STUDY, run with champion= a "
            f"study of the champion's recipe and the same task.calendar"
        )
    study = finished(str(run.folder.parent), evidence)
    if study.operational or study.settings.champion is None:
        raise ConfigError(f"evidence={evidence} is no study that was run with champion= another one")
    other = read(str(run.folder.parent), study.settings.champion)
    for there, here, whose in (
        (study, run, f"of run {name}"),
        (other, before, f"of the champion, {before.folder.name}"),
    ):
        if unlike := unlike_keys(there.settings, here.settings):
            raise ConfigError(f"run {there.folder.name} has not the recipe {whose}: {', '.join(unlike)} differ")
    if other.operational or other.settings.task.calendar != study.settings.task.calendar:
        raise ConfigError(
            f"evidence={evidence} and run {other.folder.name}, its champion, must be studies of one task.calendar"
        )
    return study
