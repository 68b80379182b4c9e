"""Federated learning for a region's shared problems, from Python:

    from federation import compare, forecast, load_run, simulate, submit

Each name is resolved when it is asked for: a courier imports this package too, and needs none of them.
"""

from typing import TYPE_CHECKING

from federation.api.lazy import __dir__, __getattr__

if TYPE_CHECKING:
    from federation.api.calls import compare, forecast, load_run, simulate, submit

__all__ = ["__dir__", "__getattr__", "compare", "forecast", "load_run", "simulate", "submit"]
