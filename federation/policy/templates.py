"""Templates of trust: policies that a country starts from. `guarded` is the one of keys that a policy leaves out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from federation.policy.keys import KEYS, Policy
from federation.policy.law import RULES, law_of
from tasks.models.choice import MODELS
from tasks.registry import TASKS

TEMPLATES: Mapping[str, str] = {
    "open": "The coordinator chooses every model and sees each update: weights made to ask can read single records.",
    "guarded": "The vault derives the first weights itself and bounds every step; the coordinator sees each update.",
    "sealed": "Nobody sees this country's update or scores: sums of several countries alone, in sealed runs.",
}
DEFAULT = "guarded"
INSTALLED: Mapping[str, Mapping[str, Any]] = {"tasks": TASKS, "models": MODELS}  # all that are installed here


def values(template: str) -> dict[str, Any]:
    """Key -> value of a template, all tasks and models that are installed here included."""
    chosen: dict[str, Any] = {}
    for name, key in KEYS.items():
        default = tuple(sorted(INSTALLED[name])) if name in INSTALLED else key.default
        chosen[name] = key.metadata["templates"].get(template, default)
    return chosen


def policy(template: str, country: str, path: Path) -> Policy:
    """A policy of a template."""
    return Policy(country=country, path=path, **values(template))


def text(template: str = DEFAULT, country: str | None = None) -> str:
    """The text of a policy file: every key with its value and what it means, the country's rules as comments."""
    rules = [f"# {law_of(country)}"] if country is not None and country in RULES else []
    lines = [
        "# What the vault of this country serves. Change it here; no run can change it.",
        f"# {TEMPLATES[template]}",
        *rules,
        f'template = "{template}"  # of keys that are left out',
    ]
    lines += [f"{name} = {toml(value)}  # {KEYS[name].metadata['about']}" for name, value in values(template).items()]
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """A value as TOML writes it: lists of names, text, true and false, numbers."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(f'"{each}"' for each in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
