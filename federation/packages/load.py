"""Other people's packages into the registries of tasks, models and strategies.

A person's own command loads every one that is installed (`load_all`). A country's vault loads those that its policy
names (`load_named`), and imports nothing of any other.
"""

from collections.abc import Collection, Iterable
from importlib.metadata import Distribution
from typing import Any

from federation.packages.installed import (
    EDITABLE,
    GROUPS,
    MODELS,
    STRATEGIES,
    Package,
    installed,
    package_of,
    points_of,
)

ORIGIN: dict[tuple[str, str], Package] = {}  # (task | model | strategy, name) -> where it is from, if from outside
_TRIED: dict[str, str] = {}  # package -> why it is not used; empty: it is


def load_all() -> list[str]:
    """Register what every installed package offers; a line for each that cannot be used, which stops no other."""
    there = installed()
    fresh = {name: each for name, each in there.items() if name not in _TRIED}
    if not fresh:
        return []
    twice = _twice(there.values())
    for name, distribution in fresh.items():
        _TRIED[name] = twice.get(name) or _load(distribution)
    return [f"package {name} is not used: {_TRIED[name]}" for name in fresh if _TRIED[name]]


def load_named(names: Collection[str]) -> None:
    """Register what these packages offer. Raises ValueError for one that is not installed, or cannot be used here.

    An editable installation is refused: what runs is not what its record lists, so its digest would say nothing.
    """
    there = installed() if names else {}
    for name in names:
        if name not in there:
            raise ValueError(f"packages: {name!r} is not installed here, or offers no task, model or strategy")
        if package_of(there[name]).digest == EDITABLE:
            raise ValueError(f"packages: {name!r} is installed as an editable one; install a wheel of it")
    twice = _twice(there[name] for name in names)
    for name in names:
        if name not in _TRIED:
            _TRIED[name] = twice.get(name) or _load(there[name])
        if _TRIED[name]:
            raise ValueError(f"packages: {name!r} cannot be used: {_TRIED[name]}")


def loaded() -> dict[str, Package]:
    """Name -> package, of those that registered anything in this process."""
    return {package.name: package for package in ORIGIN.values()}


def _load(distribution: Distribution) -> str:
    """Register all that a distribution offers, or nothing; why not, or ''."""
    package, added = package_of(distribution), []
    try:
        for point in points_of(distribution):
            kind, part = GROUPS[point.group], point.load()
            if getattr(part, "name", None) != point.name:
                raise ValueError(f"its entry point {point.name!r} is no {kind} of that name")
            _register(point.group, part)
            added.append((point.group, point.name))
            ORIGIN[kind, point.name] = package
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a module does while it is imported; sys.exit too
        for group, name in reversed(added):
            _unregister(group, name)
        return f"{' '.join(str(error).split()) or type(error).__name__}"
    return ""


def _register(group: str, part: Any) -> None:
    """Raises ValueError for a part that is none of its kind, or whose name is taken."""
    from federation.strategies import STRATEGIES as REGISTERED  # late: torch, and nothing is installed in most places
    from federation.strategies.strategy import Strategy
    from tasks import registry

    if group == STRATEGIES:
        if not isinstance(part, Strategy):
            raise ValueError(f"{part!r} is no federation.strategies.strategy.Strategy")
        if part.name in REGISTERED:
            raise ValueError(f"there is a strategy {part.name!r} already")
        REGISTERED[part.name] = part
    elif group == MODELS:
        registry.add_model(part)
    else:
        registry.add_task(part)


def _unregister(group: str, name: str) -> None:
    from federation.strategies import STRATEGIES as REGISTERED
    from tasks.models.choice import MODELS as CHOICE
    from tasks.registry import TASKS

    registries: dict[str, dict[str, Any]] = {STRATEGIES: REGISTERED, MODELS: CHOICE}
    registries.get(group, TASKS).pop(name, None)
    ORIGIN.pop((GROUPS[group], name), None)


def _twice(distributions: Iterable[Distribution]) -> dict[str, str]:
    """Package -> which name it shares with another one; neither is used, for a run must mean one thing."""
    owners: dict[tuple[str, str], list[str]] = {}
    for each in distributions:
        for point in points_of(each):
            owners.setdefault((GROUPS[point.group], point.name), []).append(package_of(each).name)
    return {
        name: f"{' and '.join(sorted(names))} both offer the {kind} {part!r}; uninstall one"
        for (kind, part), names in owners.items()
        if len(names) > 1
        for name in names
    }
