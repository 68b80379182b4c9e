"""Checks of a verb's words that its settings cannot make."""

from collections.abc import Sequence

from federation.errors import ConfigError


def required(value: str | None, remedy: str) -> str:
    """The value of a key that a verb needs; raises ConfigError with the remedy where it is missing or empty."""
    if not value:
        raise ConfigError(remedy)
    return value


def renamed(words: Sequence[str], key: str, field: str) -> list[str]:
    """The words with `key=` as `field=`: a key such as `from` is a word of Python and cannot name a field."""
    return [f"{field}={word.removeprefix(f'{key}=')}" if word.startswith(f"{key}=") else word for word in words]


def only_with_resume(words: Sequence[str], allowed: Sequence[str]) -> None:
    """Raise ConfigError if a run is resumed and a key is set that its checkpoint holds."""
    keys = {
        word: word.lstrip("+~").split("=")[0]
        for word in words
        if not word.startswith("-") and ("=" in word or word.startswith("~"))
    }
    if "resume" not in keys.values():
        return
    for word, key in keys.items():
        if key not in allowed:
            raise ConfigError(f"resume takes the settings from the checkpoint; leave out {word}, or start a new run")
