"""Checks of single values, as errors that name the key, the value and what is allowed."""

from collections.abc import Iterable
from difflib import get_close_matches

from federation.errors import ConfigError


def one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ConfigError unless the value is allowed."""
    if value not in allowed:
        near = get_close_matches(str(value), allowed, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{key}={value} is none of {', '.join(allowed)}{hint}")


def within(key: str, value: float, low: float, high: float, *, above: bool = False) -> None:
    """Raise ConfigError unless low <= value <= high (low < value if `above`); NaN is refused."""
    if not (low <= value <= high) or (above and value == low):
        raise ConfigError(f"{key}={value} must be {'above' if above else 'at least'} {low} and at most {high:g}")


def nearest(key: str, known: Iterable[str]) -> str:
    """The known key that was probably meant, or all of them."""
    names = sorted(known)
    near = get_close_matches(key, names, 1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
