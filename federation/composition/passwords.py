"""Passwords of a command line: out of its words before Hydra reads, prints or keeps them, and given back after."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from federation.errors import without_passwords
from federation.settings.address import Address
from federation.settings.parts import TrackingSettings

KEY = "tracking.uri"
T = TypeVar("T")


def without(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The words as they may be shown, and shown address -> the whole one."""
    shown, whole = [], {}
    for word in words:
        key, _, value = word.partition("=")
        if key.lstrip("+") != KEY:
            shown.append(word)
            continue
        for one in (value, *value.split(",")):  # a sweep has several
            one = one.strip("'\"")
            whole[without_passwords(one)] = one
        shown.append(f"{key}={without_passwords(value)}" if value else word)
    return shown, whole


def with_passwords(settings: T, whole: Mapping[str, str]) -> T:
    """The settings whose tracking address has its password again, for who connects; it is shown without."""
    tracking = getattr(settings, "tracking", None)
    if isinstance(tracking, TrackingSettings) and whole.get(tracking.uri, tracking.uri) != tracking.uri:
        settings.tracking = replace(tracking, uri=Address(whole[tracking.uri]))  # type: ignore[attr-defined]  # as seen
    return settings
