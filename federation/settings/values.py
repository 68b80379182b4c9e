"""Settings from plain values and back, strictly: what travels, and what checkpoints hold.

A vault reads a coordinator's request with it, where neither Hydra nor OmegaConf need be installed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from hashlib import sha256
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from federation.errors import ConfigError
from federation.settings.checks import nearest

T = TypeVar("T")
EXACT = 2**53  # beyond that a float is another number than the integer


def build(schema: type[T], values: Mapping[str, Any], where: str, **schemas: type[Any]) -> T:
    """A settings dataclass from plain values, strictly: unknown keys and wrong types raise ConfigError.

    schemas: field name -> the schema to use there instead of the declared base (a task's own, a strategy's own).
    """
    hints = get_type_hints(schema) | schemas
    known = {f.name for f in fields(schema)}  # type: ignore[arg-type]  # T is a dataclass by contract
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} must be a table of keys, got {type(values).__name__}")
    for key in values:
        if key not in known:
            raise ConfigError(f"{where} does not know the key {key!r}; {nearest(str(key), known)}")
    return schema(**{key: _typed(hints[key], value, f"{where}.{key}") for key, value in values.items()})


def plain(settings: Any) -> dict[str, Any]:
    """Nested plain values of a settings dataclass, ready for JSON."""
    return asdict(settings)


def _typed(hint: Any, value: Any, where: str) -> Any:
    """The value if it is of the declared type: X, X | None, list[X], dict[str, X] or a settings dataclass."""
    inner = get_args(hint)
    if NoneType in inner:
        return None if value is None else _typed(inner[0], value, where)
    if is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]  # a class, for it is a field's type
    if get_origin(hint) is list and isinstance(value, list | tuple):
        return [_typed(inner[0], item, where) for item in value]
    if get_origin(hint) is dict and isinstance(value, Mapping):
        return {str(key): _typed(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is Any or type(value) is hint or (hint is str and isinstance(value, str)):
        return value
    if hint is float and type(value) is int and abs(value) < EXACT:
        return float(value)
    raise ConfigError(f"{where} must be {getattr(hint, '__name__', hint)}, got {value!r}")


def digest_of(plan: Any) -> str:
    """SHA-256 of a plan's values, hexadecimal."""
    return sha256(json.dumps(plain(plan), sort_keys=True).encode()).hexdigest()
