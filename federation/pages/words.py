"""All words of the pages: a catalogue of English, or a translation of it that a member state wrote."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any

from federation.errors import ConfigError
from federation.settings.checks import nearest

NEVER = "–"  # stands where there is no number


class Words:
    """The catalogue: `words("run.title", run="spring")` is a sentence with its names filled in."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = table

    def __call__(self, key: str, **values: object) -> str:
        return self._table[key].format(**values)

    def name(self, group: str, key: str) -> str:
        """A name of a group such as `countries`; one that the catalogue lacks stays as it is, but for its lines."""
        return self._table.get(f"{group}.{key}", key.replace("_", " "))

    def listed(self, names: Sequence[str]) -> str:
        """Such as 'Brunei, Laos and Vietnam'."""
        if len(names) < 2:
            return names[0] if names else self("none")
        return f"{', '.join(names[:-1])} {self('and')} {names[-1]}"

    def month(self, text: str) -> str:
        """'2008-12' as 'December 2008', the last day of a week, '2008-12-27', with its day; another text stays."""
        day, name, year = self._period(text)
        return " ".join(filter(None, (day, name, year)))

    def short(self, text: str) -> str:
        """The same for an axis, such as 'Dec' or '27 Dec'."""
        day, name, year = self._period(text)
        return " ".join(filter(None, (day, name[:3]))) or year

    def _period(self, text: str) -> tuple[str, str, str]:
        """Day, name of the month, and year, as far as a text has them."""
        year, _, rest = text.partition("-")
        day = rest[3:5].lstrip("0") if rest[3:5].isdecimal() else ""
        return day, self._table.get(f"months.{rest[:2]}", rest), year


def read_words(path: Path | None = None) -> Words:
    """English, with the translations of a file. Raises ConfigError for a key or a name in braces that English lacks."""
    english = dict(_flat(tomllib.loads((files("federation.pages") / "words.toml").read_text("utf-8"))))
    if path is None:
        return Words(english)
    try:
        table = dict(_flat(tomllib.loads(path.read_text("utf-8"))))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"words={path} cannot be read ({error})") from None
    for key, text in table.items():
        if key not in english and not key.startswith(("countries.", "arms.")):  # a region has names of its own
            raise ConfigError(f"words={path}: there is no key {key}; {nearest(key, english)}")
        if (new := _names(text)) != (known := _names(english.get(key, ""))):
            raise ConfigError(f"words={path}: {key} must name {known or 'nothing'} in braces, and names {new}")
    return Words({**english, **table})


def _flat(table: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{start}{key}.")
        else:
            yield f"{start}{key}", str(value)


def _names(text: str) -> list[str]:
    """Names in braces, in alphabetical order."""
    try:
        return sorted({name for _, name, _, _ in Formatter().parse(text) if name is not None})
    except ValueError:
        return ["a brace without its partner"]
