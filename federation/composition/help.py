"""What `gotong VERB --help` says: every key of a verb with its value and what it means.

The words are those of the settings themselves: `key: meaning` in a dataclass's docstring, or a comment behind a field.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any, get_type_hints

from federation.composition.register import CHOSEN, options_of
from federation.composition.written import word_of

FLAGS = ("-h", "--help")
WIDTH = 34  # columns of a key and its value
EVERYWHERE = {  # of keys that mean the same in every verb
    "country": "whose: an ISO 3166-1 alpha-3 code, such as VNM",
    "data": "folder that holds one folder a country with its national files",
    "experiment": "name of the experiment in MLflow",
    "home": "folder of the coordinator, or of the node",
    "out": "a JSON file to write",
    "run": "name of a run under `runs`",
    "runs": "folder under which runs lie",
    "seed": "of what is drawn",
    "since": "YYYY-MM-DD, the first day",
    "to": "what to write",
}
GROUPS = ("task", "strategy")  # whose keys are those of the chosen one


def asked(words: Sequence[str]) -> bool:
    """Whether the words ask for help."""
    return bool(set(words) & set(FLAGS))


def text(verb: str, schema: type[Any], words: Sequence[str] = ()) -> str:
    """The whole page. words: `task=NAME` and `strategy=NAME` among them choose whose keys are shown."""
    columns = get_terminal_size((120, 40)).columns
    options = options_of(schema)
    named = {**CHOSEN, **{key: value for key, _, value in (word.partition("=") for word in words) if key in options}}
    lines = [f"gotong {verb} key=value ...", ""]
    for group in GROUPS:
        if group in options:
            names = ", ".join(options[group])
            lines += [*wrap(f"{group}= one of {names}; below are the keys of {group}={named[group]}", columns), ""]
    schemas = {group: options[group].get(named[group]) for group in GROUPS if group in options}
    for key, value, meaning in keys(schema, schemas):
        lines += _entry(f"{key}={value}", meaning, columns)
    return "\n".join([*lines, "", f"gotong {verb} --cfg job prints the values alone."])


def keys(schema: type[Any], schemas: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Dotted key, its value, its meaning; those of nested settings after it. schemas: field -> its settings instead."""
    hints, meanings = get_type_hints(schema), _meanings(schema)
    for each in fields(schema):
        kind = schemas.get(each.name) or hints[each.name]
        meaning = meanings.get(each.name) or EVERYWHERE.get(each.name, "")
        if is_dataclass(kind):
            inner = kind if isinstance(kind, type) else type(kind)
            yield from keys(inner, {}, f"{prefix}{each.name}.")
            continue
        if prefix and each.name == "name":  # of a group: said by its choice
            continue
        yield f"{prefix}{word_of(each)}", _value(each), meaning


def _entry(key: str, meaning: str, columns: int) -> list[str]:
    lines = wrap(meaning, max(columns - WIDTH - 2, 30)) or [""]
    if len(key) > WIDTH - 2:
        return [f"  {key}", *(f"{'':{WIDTH + 2}}{line}" for line in lines)]
    return [f"  {key:<{WIDTH}}{lines[0]}", *(f"{'':{WIDTH + 2}}{line}" for line in lines[1:])]


def _value(each: Field[Any]) -> str:
    if each.default_factory is not MISSING:
        value = each.default_factory()
    else:
        value = "" if each.default is MISSING else each.default
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _meanings(schema: type[Any]) -> dict[str, str]:
    """Field -> what it means, of the class that declares it first; a docstring before a comment."""
    meanings: dict[str, str] = {}
    names = [each.name for each in fields(schema)]
    for cls in schema.__mro__:
        if is_dataclass(cls):
            own = {**_comments(cls), **_of_docstring(cls.__doc__ or "", names)}
            meanings = {**own, **meanings}
    return meanings


def _of_docstring(docstring: str, names: Sequence[str]) -> dict[str, str]:
    """`key: meaning` and `key, other: meaning`, up to the next of them."""
    words = " ".join(inspect.cleandoc(docstring).split())
    listed = re.compile(rf"(?:^|(?<=[.;] ))((?:{'|'.join(names)})(?:, (?:{'|'.join(names)}))*)(?: \(written \w+=\))?: ")
    found = list(listed.finditer(words))
    ends = [each.start() for each in found[1:]] + [len(words)] * bool(found)
    return {
        name: words[each.end() : end].strip()
        for each, end in zip(found, ends, strict=True)
        for name in each.group(1).split(", ")
    }


def _comments(cls: type[Any]) -> dict[str, str]:
    """The comments behind the fields of a class, or in the lines of one that takes several."""
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):  # made by a function
        return {}
    found: dict[str, str] = {}
    for match in re.finditer(
        r"^    (\w+): [^\n#]*?(?:\(\n.*?\n    \))?[^\n#]*#\s*([^\n]+)", source, re.MULTILINE | re.DOTALL
    ):
        found.setdefault(match.group(1), match.group(2).removeprefix("type: ignore").strip())
    return found
