"""Paths and names as they were typed: what Hydra would read as a list, a number or an interpolation is text."""

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

PLAIN = re.compile(r"[A-Za-z_/~][\w/.:~-]*|\.{1,2}(/[\w/.:~-]*)?", re.ASCII)
WORDS = ("null", "none", "true", "false", "inf", "nan", "yes", "no", "on", "off")  # have a meaning of their own


def literal(words: Sequence[str], schema: type[Any]) -> list[str]:
    """The words with the values of text keys in quotes, unless they stand in quotes, or are the values of a sweep."""
    sweep = any(word in ("-m", "--multirun") for word in words)
    return [_literal(word, schema, sweep) for word in words]


def _literal(word: str, schema: type[Any], sweep: bool) -> str:
    key, mark, value = word.partition("=")
    if not mark or not value or word.startswith("-") or not _is_text(schema, key.lstrip("+")):
        return word
    left = PLAIN.fullmatch(value) or value.lower() in WORDS or value[0] in "'\"" or "${" in value
    if left or (sweep and re.search(r",|^\w+\(.*\)$", value)):
        return word
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", value).replace("'", "\\'")
    return f"{key}='{escaped}'"


def _is_text(schema: type[Any], key: str) -> bool:
    """Whether a dotted key of the schema holds text, or nothing."""
    here: Any = schema
    for part in key.split("."):
        if not is_dataclass(here) or part not in {each.name for each in fields(here)}:
            return False
        here = get_type_hints(here)[part]
    return here in (str, str | None)
