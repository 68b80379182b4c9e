"""A country's policy: what its vault serves. Read from that country's own disk, never from a run."""

import logging
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from federation.errors import PolicyRefusal
from federation.settings.checks import nearest
from federation.settings.schema import Plan
from tasks.registry import TASKS

FILE = "policy.toml"
RETIRED = "bundles"  # of 0.1.0: programs that Flower's SuperNode might run at the node; a courier runs none

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a value must be, in words and as a check."""

    words: str
    fits: Callable[[Any], bool]


NAMES = Form(
    words="a list of names in quotes", fits=lambda value: isinstance(value, list) and all(map(_is_text, value))
)
COUNT = Form(words="a whole number, 0 or more", fits=lambda value: type(value) is int and value >= 0)
POSITIVE = Form(words="a whole number, 1 or more", fits=lambda value: type(value) is int and value >= 1)
SIZE = Form(words="a number, 0 or more", fits=lambda value: type(value) in (int, float) and value >= 0)
SWITCH = Form(words="true or false", fits=lambda value: type(value) is bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _key(form: Form, about: str, default: Any = MISSING) -> Any:
    """A key of the file. about: its line in the template."""
    return field(default=default, metadata={"form": form, "about": about})


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What one country allows; `path` is where to change it. Every other field is a key of the file."""

    country: str
    path: Path
    tasks: tuple[str, ...] = _key(NAMES, "tasks this country takes part in")
    minimum_cohort: int = _key(POSITIVE, "fewest reported place-periods behind any number that leaves", 24)
    maximum_rounds: int = _key(COUNT, "longest run", 1000)
    maximum_epochs: int = _key(COUNT, "passes over the records in one round", 100)
    maximum_steps: int = _key(COUNT, "optimiser steps in one round, of a run that sets them", 10_000)
    maximum_parameters: int = _key(COUNT, "of the largest model that is built here", 10_000_000)
    runs_per_day: int = _key(COUNT, "runs that may begin within 24 hours", 100)
    round_scores: bool = _key(
        SWITCH, "scores and loss leave with every round; false: scores leave with the test alone", True
    )
    largest_update: float = _key(SIZE, "L2 norm to which an update is scaled down before it leaves; 0: as it is", 0.0)

    def check(self, task: str, plan: Plan, parameters: int) -> None:
        """Raise PolicyRefusal if this country does not serve such a run, with a model of so many parameters."""
        if task not in self.tasks:
            raise PolicyRefusal(
                f"{self.country} refuses task {task!r}: its policy allows {', '.join(self.tasks) or 'none'}. "
                f"To allow it, edit `tasks` in {self.path} on that country's node."
            )
        epochs = max(plan.training.epochs or 0, plan.tuning.epochs if "personalised" in plan.arms else 0)
        for key, wanted, allowed in (
            ("maximum_rounds", plan.rounds, self.maximum_rounds),
            ("maximum_epochs", epochs, self.maximum_epochs),
            ("maximum_steps", plan.training.steps or 0, self.maximum_steps),
            ("maximum_parameters", parameters, self.maximum_parameters),
        ):
            if wanted > allowed:
                raise PolicyRefusal(
                    f"{self.country} refuses {wanted} {key.removeprefix('maximum_')}: its policy allows {allowed}. "
                    f"To allow it, edit `{key}` in {self.path} on that country's node."
                )

    def check_begun(self, others: int) -> None:
        """Raise PolicyRefusal for one more run where so many others began within a day."""
        if others >= self.runs_per_day:
            raise PolicyRefusal(
                f"{self.country} refuses another run: {others} began within 24 hours and its policy allows "
                f"{self.runs_per_day}. Go on tomorrow, or edit `runs_per_day` in {self.path} on that country's node."
            )


KEYS: Mapping[str, Field[Any]] = {each.name: each for each in fields(Policy) if each.metadata}


def template() -> str:
    """The text of a policy file: every key with its default, and all tasks that are installed here."""
    lines = ["# What the vault of this country serves. Change it here; no run can change it."]
    for name, key in KEYS.items():
        value = list(TASKS) if key.default is MISSING else key.default
        lines.append(f"{name} = {_toml(value)}  # {key.metadata['about']}")
    return "\n".join(lines) + "\n"


def open_policy(folder: Path, country: str) -> Policy:
    """The policy in a simulated country's folder; where it has none, one that serves every installed task.

    A node never calls this: a country that wrote no policy has agreed to nothing. Raises PolicyRefusal as `read_policy`
    does.
    """
    path = folder / FILE
    return read_policy(folder, country) if path.exists() else Policy(country=country, path=path, tasks=tuple(TASKS))


def read_policy(folder: Path, country: str) -> Policy:
    """The policy in a country's folder; keys that are left out have the defaults of `template`.

    Raises PolicyRefusal if it is missing or cannot be understood: a vault that is in doubt serves nothing.
    """
    path = folder / FILE
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return Policy(country=country, path=path, **_checked(_without_retired(values, path)))
    except (ValueError, OSError) as error:  # no TOML and no UTF-8 are ValueErrors too
        raise PolicyRefusal(f"{path}: {error}; {country} refuses all requests until it is fixed") from None


def _without_retired(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The values without a key of an earlier version, of which nothing is lost where it is empty. Raises ValueError."""
    if values.get(RETIRED):
        raise ValueError(
            f"`{RETIRED}` lists programs for Flower's SuperNode, which is no longer served; delete the line and start "
            f"a courier (`gotong node`)"
        )
    if RETIRED in values:
        log.warning("%s: `%s` is ignored, a node runs no shipped program; delete the line", path, RETIRED)
    return {key: value for key, value in values.items() if key != RETIRED}


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as a Policy takes them. Raises ValueError, naming the key and what it may hold."""
    for name, value in values.items():
        if name not in KEYS:
            raise ValueError(f"unknown key {name!r}; {nearest(name, KEYS)}")
        form: Form = KEYS[name].metadata["form"]
        if not form.fits(value):
            raise ValueError(f"{name} = {value!r} must be {form.words}")
    for name, key in KEYS.items():
        if key.default is MISSING and name not in values:
            raise ValueError(f"{name} is missing; add {name} = {_toml(list(TASKS))}, or fewer of them")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _toml(value: Any) -> str:
    """A value as TOML writes it: lists of names, true and false, numbers."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(f'"{each}"' for each in value) + "]"
    return str(value).lower()
