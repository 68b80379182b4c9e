"""Keys of earlier versions and their present names: refused on a command line, translated in an old checkpoint."""

from collections.abc import Mapping
from typing import Any

from federation.errors import ConfigError

RENAMED = {"task.calendar.apart": "task.calendar.excluded_period"}  # dotted key -> its present name, in the same table


def renamed(key: str) -> str:
    """What to write for a key of an earlier version."""
    return f"{key} is now {RENAMED[key]}; write {RENAMED[key]}=..."


def refuse_renamed_in(values: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError if plain values hold a key of an earlier version, as a peer of one sends it."""
    for old, new in RENAMED.items():
        *path, key = old.split(".")
        if key in _table(values, path):
            raise ConfigError(f"{where}.{old} is now {new}; upgrade the older side")


def with_present_keys(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Plain values of any version under the present keys; unchanged, the same object, where none is old."""
    for old, new in RENAMED.items():
        *path, key = old.split(".")
        table = _table(values, path)
        if key in table:
            present = {new.rpartition(".")[2] if name == key else name: value for name, value in table.items()}
            values = _replaced(values, path, present)
    return values


def _table(values: Mapping[str, Any], path: list[str]) -> Mapping[str, Any]:
    """The inner table at a path; empty where there is none."""
    inner: Any = values
    for name in path:
        inner = inner.get(name) if isinstance(inner, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _replaced(values: Mapping[str, Any], path: list[str], table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values with another inner table at a path."""
    return {**values, path[0]: _replaced(values[path[0]], path[1:], table)} if path else table
