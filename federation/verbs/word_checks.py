"""Checks of a verb's words that its settings cannot make."""

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from federation.errors import ConfigError


def required(value: str | None, remedy: str) -> str:
    """The value of a key that a verb needs; raises ConfigError with the remedy where it is missing or empty."""
    if not value:
        raise ConfigError(remedy)
    return value


def file_to_write(key: str, value: str) -> Path:
    """The file that a key names, which can be written as far as that shows; looked at before any work is done.

    Raises ConfigError for a link or something that is no regular file, which would be replaced, for a folder, and for a
    place where nothing can be written.
    """
    path = Path(value)
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists() or each.is_symlink())
    if path.is_symlink():
        wrong = f"is a link to {path.readlink()}; name that file itself"
    elif path.is_dir():
        wrong = "is a folder; name a file in it"
    elif path.exists() and not path.is_file():
        wrong = "is no regular file; name one, and copy it from there"
    elif there != path.absolute() and not there.is_dir():
        wrong = f"cannot be written: {there} is a file and no folder; choose another place"
    elif not os.access(there if there.is_dir() else there.parent, os.W_OK | os.X_OK):
        wrong = f"cannot be written: permission denied in {there if there.is_dir() else there.parent}; choose another"
    else:
        return path
    raise ConfigError(f"{key}={value} {wrong}")


def file_of_kind(key: str, value: str, suffix: str) -> Path:
    """`file_to_write`, whose name must end as a file of its kind does. Raises ConfigError."""
    path = file_to_write(key, value)
    if path.suffix != suffix:
        raise ConfigError(f"{key}={path} must end in {suffix}, for example {key}={path.with_suffix(suffix)}")
    return path


def quoted(words: Sequence[str], *keys: str) -> list[str]:
    """The words with the values of these keys in quotes: a person's own sentence, with all its commas and colons."""
    named = {word: word.split("=", 1) for word in words if word.split("=", 1)[0] in keys and "=" in word}
    return [f"{named[word][0]}={_in_quotes(named[word][1])}" if word in named else word for word in words]


def bare_word_as(words: Sequence[str], key: str) -> list[str]:
    """The words with one that has no key, such as a path, as `key=`."""
    return [_named(key, *pair) for pair in pairwise(["", *words])]


def _named(key: str, before: str, word: str) -> str:
    flagged = word.startswith("-") or before in ("-c", "--cfg", "-p", "--package")
    bare = not flagged and not re.match(r"[+~]*[\w.]+=", word)
    return f"{key}={_in_quotes(word)}" if bare else word


def _in_quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


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
