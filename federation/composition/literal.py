"""Paths and names as they were typed: what Hydra would read as a list, a number or an interpolation is text."""

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

PLAIN = re.compile(r"[A-Za-z_/~][\w/.:~-]*|\.{1,2}(/[\w/.:~-]*)?", re.ASCII)
WORDS = ("null", "none", "true", "false", "inf", "nan", "yes", "no", "on", "off")  # have a meaning of their own


def literal(words: Sequence[str], schema: type[Any]) -> list[str]:
    """The words with the values of text keys in quotes, unless they stand in quotes, or are the values of a sweep.

    In lists of text too, where `names=[2026_11]` would be 202611.
    """
    sweep = any(word in ("-m", "--multirun") for word in words)
    return [_literal(word, schema, sweep) for word in words]


def _literal(word: str, schema: type[Any], sweep: bool) -> str:
    key, mark, value = word.partition("=")
    if not mark or not value or word.startswith("-"):
        return word
    kind = _kind(schema, key.lstrip("+"))
    if kind == list[str] and re.fullmatch(r"\[[^\[\]{}'\"]*\]", value):
        items = [each.strip() for each in value[1:-1].split(",")]
        return f"{key}=[{','.join(each if _means_itself(each) else _quoted(each) for each in items)}]"
    if kind not in (str, str | None):
        return word
    if sweep and re.fullmatch(r"[^'\"\[\]{}()]+,[^'\"\[\]{}()]+", value):
        swept = [each.strip() for each in value.split(",")]
        return f"{key}={','.join(each if _means_itself(each) else _quoted(each) for each in swept)}"
    if _means_itself(value) or value[0] in "'\"" or (sweep and re.search(r",|^\w+\(.*\)$", value)):
        return word
    return f"{key}={_quoted(value)}"


def _quoted(value: str) -> str:
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", value).replace("'", "\\'")
    return f"'{escaped}'"


def _means_itself(value: str) -> bool:
    """Whether Hydra reads a value as it stands, or it has a meaning that it is to keep."""
    return not value or bool(PLAIN.fullmatch(value)) or value.lower() in WORDS or "${" in value


def _kind(schema: type[Any], key: str) -> Any:
    """The type of a dotted key of the schema, None where there is no such key."""
    here: Any = schema
    for part in key.split("."):
        if not is_dataclass(here) or part not in {each.name for each in fields(here)}:
            return None
        here = get_type_hints(here)[part]
    return here
