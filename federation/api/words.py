"""The words of a command line from Python values: `rounds=5` is a keyword, `task.model=mlp` a word."""

from collections.abc import Mapping
from typing import Any

from federation.errors import ConfigError


def words_of(words: tuple[str, ...], keys: Mapping[str, Any]) -> list[str]:
    """All as words. Raises ConfigError for a word that is none: one without `=`, a flag, or a list of values."""
    for word in words:
        if not isinstance(word, str) or word.startswith("-") or "=" not in word:
            raise ConfigError(f"{word!r} is no word of a run; write 'key=value', or key=value without quotes")
    return [*words, *(f"{key}={text(value)}" for key, value in keys.items())]


def text(value: Any) -> str:
    """A value as Hydra reads it. Text is passed as it is, as on a command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_inner(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_inner, value)) + "]"
    return str(value)


def _inner(value: Any) -> str:
    """A value inside of a list or a table, where text needs its quotes."""
    if not isinstance(value, str):
        return text(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
