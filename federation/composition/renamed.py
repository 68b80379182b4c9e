"""Keys of earlier versions: refused with their present names on a command line, and in what a peer of one sends."""

from collections.abc import Mapping
from typing import Any

from federation.errors import ConfigError
from federation.settings.upgrade import SETTINGS

RENAMED = SETTINGS  # dotted key -> its present name


def renamed(key: str) -> str:
    """What to write for a key of an earlier version."""
    return f"{key} is now {RENAMED[key]}; write {RENAMED[key]}=..."


def refuse_renamed(values: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError if plain values hold a key of an earlier version."""
    for key, present in RENAMED.items():
        table: Any = values
        *path, last = key.split(".")
        for name in path:
            table = table.get(name) if isinstance(table, Mapping) else None
        if isinstance(table, Mapping) and last in table:
            raise ConfigError(f"{where}.{key} is now {present}; install the same version of Gotong on both sides")
