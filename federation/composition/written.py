"""Keys that stand for a field of another name: `from=`, a word that Python keeps for itself."""

from collections.abc import Mapping, Sequence
from dataclasses import Field, field, fields
from typing import Any

WORD = "word"  # in the metadata of a field


def written(word: str, default: Any = None) -> Any:
    """A field of settings that is `word=` on the command line."""
    return field(default=default, metadata={WORD: word})


def word_of(each: Field[Any]) -> str:
    """The key of a field, as a person writes it."""
    return str(each.metadata.get(WORD, each.name))


def words_of(schema: type[Any]) -> dict[str, str]:
    """Field -> its key, of all fields of settings."""
    return {each.name: word_of(each) for each in fields(schema)}


def as_fields(words: Sequence[str], schema: type[Any]) -> list[str]:
    """The words of a command line with the names of the fields as their keys."""
    return [_with_key(word, {key: name for name, key in words_of(schema).items()}) for word in words]


def as_written(word: str, schema: type[Any]) -> str:
    """One of these words as it was written."""
    return _with_key(word, words_of(schema))


def _with_key(word: str, names: Mapping[str, str]) -> str:
    key, mark, value = word.partition("=")
    return f"{names.get(key, key)}={value}" if mark else word
