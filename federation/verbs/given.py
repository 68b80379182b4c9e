"""A key that a verb cannot do without."""

from federation.errors import ConfigError


def given(value: str | None, ask: str) -> str:
    """The value; raises ConfigError with what to write where it is missing or empty."""
    if not value:
        raise ConfigError(ask)
    return value
