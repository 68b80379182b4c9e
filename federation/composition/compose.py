"""From the words of a command line to one typed settings object: Hydra composes, the schemas check."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from federation.composition import help
from federation.composition.literal import literal
from federation.composition.mistakes import explained, unknown
from federation.composition.passwords import with_passwords, without
from federation.composition.register import CHOSEN, RUN, register
from federation.composition.renamed import RENAMED, renamed
from federation.composition.written import as_fields
from federation.errors import ConfigError
from federation.packages.used import used
from federation.settings.checks import nearest
from federation.settings.schema import Settings

T = TypeVar("T")
OPTIONAL = ("recipe", "experiment")  # groups of configs of which none need be chosen
WITH_VALUE = ("-c", "--cfg", "-p", "--package")  # options of Hydra that a value follows
FOLDER = re.compile(r"file://([^,\]]+)")  # of a person's own configurations, in hydra.searchpath=
PLACES = ("sweep", "name", "runs", "out", "data", "experiment")  # keys that say nothing of what varies in a sweep


@dataclass(frozen=True, kw_only=True)
class Job(Generic[T]):
    """One job of a command line. varied: its overrides, without those that say where things go; names it in a sweep."""

    settings: T
    varied: tuple[str, ...]


def compose(verb: str, overrides: Sequence[str], schema: type[T], job: Callable[[T], None]) -> None:
    """Hand the settings of every job to a function. Raises ConfigError before the first, or what the function does."""
    for each in jobs(verb, overrides, schema):
        job(each.settings)


def jobs(verb: str, overrides: Sequence[str], schema: type[T]) -> list[Job[T]]:
    """Compose a verb's settings with the overrides: one job, or with -m all of a sweep; none with --cfg and the like.

    Raises ConfigError, one line naming the nearest valid key.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing and leaving
    import hydra
    from hydra.errors import HydraException

    if help.asked(overrides):
        print(help.text(verb, schema, overrides))
        return []
    overrides, whole, name = prepared(verb, overrides, schema)
    composed: list[Job[T]] = []
    failed: list[Exception] = []

    def take(config: DictConfig) -> None:
        try:
            composed.append(Job(settings=settings_from(config, schema, whole), varied=_varied()))
        except Exception as error:  # carried past Hydra, which would print a line of its own as well
            failed.append(error)

    before = sys.argv
    try:
        with TemporaryDirectory() as scratch:  # for Hydra's files on a sweep; checkpoints hold the settings
            sys.argv = [f"gotong {verb}", *with_word(overrides, f"hydra.sweep.dir={scratch}")]
            hydra.main(version_base="1.3", config_path="pkg://configs", config_name=name)(take)()
        if failed:
            raise failed[0]
        return composed
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explained(error, schema)) from None
    finally:
        sys.argv = before


def prepared(verb: str, words: Sequence[str], schema: type[Any]) -> tuple[list[str], Any, str]:
    """The words as Hydra takes them, whole addresses with passwords, the configuration's name. Raises ConfigError."""
    _check_words(words)
    words, whole = without(words)
    words = with_task_of_step(as_fields(options_last(words), schema), schema)
    return literal(words, schema), whole, register(verb, schema)


def options_last(words: Sequence[str]) -> list[str]:
    """The words with options such as -m behind all key=value words, for Hydra takes none among them."""
    options: list[str] = []
    others: list[str] = []
    for before, word in pairwise(["", *words]):
        (options if word.startswith("-") or before in WITH_VALUE else others).append(word)
    return [*others, *options]


def settings_from(config: DictConfig, schema: type[T], whole: Any) -> T:
    """The settings of one composed job. Raises ConfigError."""
    return with_passwords(_settings(config, schema), whole)


def settings_of(words: Sequence[str]) -> Settings:
    """The settings that `gotong simulate WORDS` would use. Raises ConfigError."""
    import hydra
    from hydra.errors import HydraException

    _check_words(words)
    words, whole = without(words)
    register(RUN, Settings)
    try:
        with hydra.initialize_config_module("configs", version_base="1.3"):
            words = literal(with_task_of_step(words, Settings), Settings)
            return with_passwords(_settings(hydra.compose(RUN, words), Settings), whole)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explained(error, Settings)) from None


def with_task_of_step(words: Sequence[str], schema: type[Any]) -> list[str]:
    """The words with the task whose records come by the step that they ask for: task=health by the week.

    A recipe or an experiment names its own task, and a step that this task does not have is refused as any value is.
    """
    steps = [word.removeprefix("task.calendar.step=") for word in words if word.startswith("task.calendar.step=")]
    if not steps or "task" not in {each.name for each in fields(schema)}:
        return list(words)
    from tasks.registry import BY_STEP  # late: tasks load torch

    named = [word for word in words if word.startswith(("task=", "recipe=", "experiment="))]
    if not named and (task := BY_STEP.get((CHOSEN["task"], steps[-1]))):
        first = next(at for at, word in enumerate(words) if "=" in word and not word.startswith("-"))
        return [*words[:first], f"task={task}", *words[first:]]
    other = {f"task={task}": f"task={name}" for (task, step), name in BY_STEP.items() if step == steps[-1]}
    return [other.get(word, word) for word in words]


def _check_words(words: Sequence[str]) -> None:
    """Raise ConfigError for a word without a key, a key of an earlier version, and a recipe that is none."""
    for word in words:
        key, _, value = word.lstrip("+~").partition("=")
        if key in OPTIONAL:
            _check_there(key, value, words)
        if word.lstrip("+~").startswith("="):
            raise ConfigError(f"{word} names no key; write key=value")
        if key in RENAMED:
            raise ConfigError(renamed(key))


def _check_there(group: str, value: str, words: Sequence[str]) -> None:
    """Raise ConfigError for a recipe or an experiment that there is none of: Hydra leaves an optional one out."""
    own = [path for word in words if word.startswith("hydra.searchpath=") for path in FOLDER.findall(word)]
    folders = [Path(str(each)) / group for each in (files("configs"), *own)]
    there = [str(path.relative_to(folder).with_suffix("")) for folder in folders for path in folder.rglob("*.yaml")]
    for each in [] if value in ("", "null") or "(" in value else value.strip("'\"").split(","):
        if each.strip() not in there:
            raise ConfigError(f"there is no {group}={each}; {nearest(each, there)}")


def with_word(words: Sequence[str], more: str) -> list[str]:
    """One word more, before the first key=value: Hydra takes such words in one row, before its flags or after."""
    index = next((i for i, word in enumerate(words) if "=" in word and not word.startswith("-")), len(words))
    return [*words[:index], more, *words[index:]]


def _varied() -> tuple[str, ...]:
    from hydra.core.hydra_config import HydraConfig

    words = sorted(str(word) for word in HydraConfig.get().overrides.task)
    return tuple(word for word in words if word.split("=")[0].lstrip("+") not in PLACES)


def _settings(config: DictConfig, schema: type[T]) -> T:
    """The composed values as the schema's own type. Raises ConfigError for a key that the schema does not have."""
    settings = OmegaConf.to_object(config)
    extra = _added(OmegaConf.to_container(config), settings)
    if extra is not None or not isinstance(settings, schema):
        raise ConfigError(unknown(str(extra), schema))
    if issubclass(schema, Settings):
        from federation.composition.default_strategy import with_strategy  # late: strategies load torch

        chosen = with_strategy(settings)
        assert isinstance(chosen, Settings), "settings of a run"
        chosen.packages = chosen.packages or used(chosen)
        return chosen
    return settings


def _added(values: Any, settings: Any, prefix: str = "") -> str | None:
    """The first key that a `+` added to those of the schema, which Hydra permits."""
    if not (isinstance(values, dict) and is_dataclass(settings)):
        return None
    known = {each.name for each in fields(settings)}
    extra = (
        _added(value, getattr(settings, key), f"{prefix}{key}.") if key in known else f"{prefix}{key}"
        for key, value in values.items()
    )
    return next((key for key in extra if key is not None), None)
