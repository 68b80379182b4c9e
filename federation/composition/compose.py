"""From the words of a command line to one typed settings object: Hydra composes, the schemas check."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from federation.errors import ConfigError
from federation.settings.checks import nearest
from federation.settings.schema import Settings

T = TypeVar("T")
PLACES = ("sweep", "name", "runs", "out", "data", "experiment")  # keys that would make the name of a run no clearer


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
    """Compose configs/VERB.yaml with the overrides: one job, or with -m all of a sweep; none with --cfg and its kin.

    Raises ConfigError, one line naming the nearest valid key.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing and leaving
    import hydra
    from hydra.errors import HydraException

    for word in overrides:
        if word.lstrip("+~").startswith("="):
            raise ConfigError(f"{word} names no key; write key=value")
    _register(schema)
    found: list[Job[T]] = []
    failed: list[Exception] = []

    def take(config: DictConfig) -> None:
        try:
            found.append(Job(settings=_typed(config, schema), varied=_varied()))
        except Exception as error:  # carried past Hydra, which would print a line of its own beside ours
            failed.append(error)

    before = sys.argv
    try:
        with TemporaryDirectory() as scratch:  # for what Hydra writes down of a sweep; checkpoints hold the settings
            sys.argv = [f"gotong {verb}", *_with(overrides, f"hydra.sweep.dir={scratch}")]
            hydra.main(version_base="1.3", config_path="pkg://configs", config_name=verb.replace(" ", "_"))(take)()
        if failed:
            raise failed[0]
        return found
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_explained(error, schema)) from None
    finally:
        sys.argv = before


def settings_of(words: Sequence[str]) -> Settings:
    """The settings that `gotong simulate WORDS` would use. Raises ConfigError."""
    from hydra import compose as composed
    from hydra import initialize_config_module
    from hydra.errors import HydraException

    _register(Settings)
    try:
        with initialize_config_module("configs", version_base="1.3"):
            return _typed(composed("simulate", list(words)), Settings)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_explained(error, Settings)) from None


def _with(words: Sequence[str], more: str) -> list[str]:
    """One word more, beside the first key=value: Hydra takes such words in one row, before its flags or after."""
    at = next((at for at, word in enumerate(words) if "=" in word and not word.startswith("-")), len(words))
    return [*words[:at], more, *words[at:]]


def _varied() -> tuple[str, ...]:
    from hydra.core.hydra_config import HydraConfig

    words = sorted(str(word) for word in HydraConfig.get().overrides.task)
    return tuple(word for word in words if word.split("=")[0].lstrip("+") not in PLACES)


def _register(schema: type[Any]) -> None:
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="schema", node=schema)
    for group, settings in _groups(schema).items():
        for name, node in settings.items():
            store.store(group=group, name=f"{name}_schema", node=node)


def _groups(schema: type[Any]) -> dict[str, dict[str, type[Any]]]:
    """Group -> name -> settings of its options. Only if the schema has such a key: tasks and strategies load torch."""
    found: dict[str, dict[str, type[Any]]] = {}
    keys = {each.name for each in fields(schema)}
    if "task" in keys:
        from tasks.registry import TASKS

        found["task"] = {name: task.settings for name, task in TASKS.items()}
    if "strategy" in keys:
        from federation.strategies import STRATEGIES

        found["strategy"] = {name: strategy.settings for name, strategy in STRATEGIES.items()}
    return found


def _typed(config: DictConfig, schema: type[T]) -> T:
    settings = OmegaConf.to_object(config)
    extra = _added(OmegaConf.to_container(config), settings)
    if extra is not None or not isinstance(settings, schema):
        raise ConfigError(f"there is no key {extra!r}; {nearest(str(extra), _keys(schema))}")
    return settings


def _added(values: Any, settings: Any, prefix: str = "") -> str | None:
    """The first key that a `+` put beside those of the schema, which Hydra lets pass."""
    if not (isinstance(values, dict) and is_dataclass(settings)):
        return None
    known = {each.name for each in fields(settings)}
    found = (
        _added(value, getattr(settings, key), f"{prefix}{key}.") if key in known else f"{prefix}{key}"
        for key, value in values.items()
    )
    return next((key for key in found if key is not None), None)


def _explained(error: Exception, schema: type[Any]) -> str:
    """Hydra's complaint in one line, with the key that was probably meant."""
    text = str(error.__cause__ or error) if "Error merging override" in str(error) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    unread = getattr(error, "override", None)
    if unread is not None:
        return f"{unread} cannot be read as key=value: {lines[0]}"
    missing = re.search(r"(?:Key|key) '([\w.]+)' (?:is )?not in", text) or re.search(
        r"Could not (?:override|delete from config\.) '([\w.]+)'", text
    )
    if missing:
        path = re.search(r"Could not override '([\w.]+)'", str(error))
        key = path.group(1) if path else missing.group(1)
        return f"there is no key {key!r}; {nearest(key, _keys(schema))}"
    group = re.search(r"Could not find '([\w]+)/([\w/]+)'", text)
    if group:
        if group.group(1) == "strategy":
            from federation.strategies import REMOVED

            if group.group(2) in REMOVED:
                return f"strategy={group.group(2)} is gone; {REMOVED[group.group(2)]}"
        options = re.search(r"Available options in '\w+':(.*)", text, re.DOTALL)
        names = [name for name in options.group(1).split() if not name.endswith("_schema")] if options else []
        return f"{group.group(1)}={group.group(2)} is not there; {nearest(group.group(2), names)}"
    full = re.search(r"full_key: ([\w.\[\]]+)", text)
    where = f"{full.group(1)}: " if full else ""
    return where + lines[0]


def _keys(schema: type[Any]) -> list[str]:
    """All dotted keys a command line may set, with those of every task and strategy."""
    found: list[str] = []
    roots = [("", schema)]
    if issubclass(schema, Settings):
        roots += [(f"{group}.", each) for group, several in _groups(schema).items() for each in several.values()]
    for prefix, part in roots:
        config = OmegaConf.to_container(OmegaConf.structured(part), throw_on_missing=False)
        found += _dotted(prefix, config)
    return sorted(set(found))


def _dotted(prefix: str, values: Any) -> list[str]:
    if not isinstance(values, dict):
        return [prefix.rstrip(".")]
    inner = [name for key, value in values.items() for name in _dotted(f"{prefix}{key}.", value)]
    return [*([prefix.rstrip(".")] if prefix else []), *inner]
