"""The names that `from federation import NAME` offers, imported when one of them is asked for (PEP 562)."""

from importlib import import_module
from typing import Any

CALLS = ("compare", "forecast", "load_run", "simulate", "submit")


def __getattr__(name: str) -> Any:
    """A call of the public interface. Raises AttributeError for any other name."""
    if name not in CALLS:
        raise AttributeError(f"federation has no {name!r}; it offers {', '.join(CALLS)}")
    return getattr(import_module("federation.api.calls"), name)


def __dir__() -> list[str]:
    """What completion shows."""
    return sorted(CALLS)
