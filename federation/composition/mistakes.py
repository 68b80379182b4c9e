"""Hydra's complaints in one line each, with the key that was probably meant."""

import re
from typing import Any

from omegaconf import OmegaConf

from federation.composition.register import options_of
from federation.composition.renamed import RENAMED, renamed
from federation.composition.written import as_written, words_of
from federation.settings.checks import nearest
from federation.settings.schema import Settings

KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
MISSING_KEY = (r"(?:Key|key) '([\w.]+)' (?:is )?not in", r"Could not (?:override|delete from config\.) '([\w.]+)'")


def explained(error: Exception, schema: type[Any]) -> str:
    """What is wrong with the words of a command line, in one line."""
    text = str(error.__cause__ or error) if "Error merging override" in str(error) else str(error)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    full = re.search(r"full_key: ([\w.\[\]]+)", f"{text}\n{error.__cause__}")
    if several := re.match(r"Ambiguous value for argument '([^=]+)=(.*)'", first):
        key, values = words_of(schema).get(several.group(1), several.group(1)), several.group(2)
        return f"{key}={values} is several values; write {key}=[{values}] for a list, or add -m for a run of each"
    if (word := getattr(error, "override", None)) is not None:
        return f"{as_written(word, schema)} cannot be read as key=value: {first}"
    if missing := next(filter(None, (re.search(pattern, text) for pattern in MISSING_KEY)), None):
        return unknown((full or missing).group(1), schema)
    if group := re.search(r"Could not find '([\w]+)/([\w/]+)'", text):
        if group.group(1) == "strategy":
            from federation.strategies import REMOVED  # late: strategies load torch

            if group.group(2) in REMOVED:
                return f"strategy={group.group(2)} is gone; {REMOVED[group.group(2)]}"
        options = re.search(r"Available options in '\w+':(.*)", text, re.DOTALL)
        names = options.group(1).split() if options else []
        return f"there is no {group.group(1)}={group.group(2)}; {nearest(group.group(2), names)}"
    return _value(words_of(schema).get(full.group(1), full.group(1)), first) if full else first


def _value(key: str, complaint: str) -> str:
    """Hydra's complaint about a value, in the words of the key."""
    if "missing mandatory value" in complaint:
        return f"{key}= is missing; --help says what it is"
    if value := re.match(r"Value '(.*)' of type '.*' could not be converted to (\w+)", complaint):
        return f"{key}={value.group(1)} must be {KINDS.get(value.group(2), value.group(2))}"
    if value := re.match(r"Value '(.*)' is not a valid bool", complaint):
        return f"{key}={value.group(1)} must be true or false"
    if complaint.startswith("Invalid value assigned") and "list" in complaint:
        return f"{key} is a list; write {key}=[...], such as {key}=[one,other]"
    return f"{key}: {complaint}"


def unknown(key: str, schema: type[Any]) -> str:
    """That there is no such key, with its present name or the nearest one."""
    if key in RENAMED:
        return renamed(key)
    return f"there is no key {key!r}; {nearest(key, _keys(schema))}"


def _keys(schema: type[Any]) -> list[str]:
    """All dotted keys a command line may set, with those of every task and strategy."""
    written = words_of(schema)
    roots = [("", schema)]
    if issubclass(schema, Settings):
        options = options_of(schema)
        roots += [(f"{group}.", node) for group in ("task", "strategy") for node in options[group].values()]
    keys: set[str] = set()
    for prefix, node in roots:
        keys |= _dotted(prefix, OmegaConf.to_container(OmegaConf.structured(node), throw_on_missing=False))
    return sorted(written.get(key, key) for key in keys)


def _dotted(prefix: str, values: Any) -> set[str]:
    own = {prefix.rstrip(".")} - {""}
    if not isinstance(values, dict):
        return own
    return own.union(*(_dotted(f"{prefix}{key}.", value) for key, value in values.items()))
