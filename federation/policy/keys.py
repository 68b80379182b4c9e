"""The keys of a country's policy: what each may hold, its value in every template, and which of two is stricter.

A new key is one field of `Policy`, and one line of `objections` if a plan can be measured by it.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from federation.settings.checks import nearest
from tasks.models.choice import MODELS

PROTECTIONS = ("differential_privacy", "sealed")
STARTS = ("seeded", "received")
OPTIMIZERS = ("adamw", "sgd")
MOST = 2**53  # of a number; it travels as JSON, and NaN and infinity do not


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a value must be, in words and as a check."""

    words: str
    fits: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _one_of(*words: str) -> Form:
    return Form(words=" or ".join(f'"{word}"' for word in words), fits=lambda value: value in words)


def _some_of(*names: str) -> Form:
    return Form(
        words=f"a list of names among {', '.join(names)}",
        fits=lambda value: isinstance(value, list) and all(each in names for each in value),
    )


NAMES = Form(
    words="a list of names in quotes", fits=lambda value: isinstance(value, list) and all(map(_is_text, value))
)
COUNT = Form(words="a whole number, 0 or more", fits=lambda value: type(value) is int and 0 <= value <= MOST)
POSITIVE = Form(words="a whole number, 1 or more", fits=lambda value: type(value) is int and 1 <= value <= MOST)
SIZE = Form(words="a number, 0 or more", fits=lambda value: type(value) in (int, float) and 0 <= value <= MOST)
SHARE = Form(words="a number above 0, up to 1", fits=lambda value: type(value) in (int, float) and 0 < value <= 1)
SMALL = Form(
    words="a number above 0 and at most 0.01", fits=lambda value: type(value) is float and 1e-12 <= value <= 0.01
)
SWITCH = Form(words="true or false", fits=lambda value: type(value) is bool)


def _smallest_bound(one: float, other: float) -> float:
    """Of two bounds of which 0 is none."""
    return min(one, other) if one and other else max(one, other)


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(one) & set(other)))


def _either(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(one) | set(other)))


def _both(one: bool, other: bool) -> bool:
    return one and other


def _any(one: bool, other: bool) -> bool:
    return one or other


def _stricter_start(one: str, other: str) -> str:
    return STARTS[min(STARTS.index(one), STARTS.index(other))]


def _key(form: Form, about: str, stricter: Callable[[Any, Any], Any], guarded: Any = MISSING, **templates: Any) -> Any:
    """A key of the file. about: its line in a template. stricter: of two values, the one that allows less.

    guarded: its value where a policy leaves it out; templates: values of other templates that differ.
    """
    return field(default=guarded, metadata={"form": form, "about": about, "stricter": stricter, "templates": templates})


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What one country allows; `path` is where to change it. Every other field is a key of the file.

    Defaults are those of the template `guarded`. Bounds of size, step and distance are off where they are 0.
    """

    country: str
    path: Path
    tasks: tuple[str, ...] = _key(NAMES, "tasks this country takes part in", _common)
    packages: tuple[str, ...] = _key(
        NAMES, "installed packages of other people whose tasks, models and strategies run here", _common, ()
    )
    train: bool = _key(SWITCH, "models are trained on its records; false: it is scored and served alone", _both, True)
    start: str = _key(
        _one_of(*STARTS),
        "first weights of a run: seeded, made here or accepted with `gotong node accept`; received, any that come",
        _stricter_start,
        "seeded",
        open="received",
    )
    largest_step: float = _key(
        SIZE,
        "how far any weight of a model may move from round to round; 0: any way",
        _smallest_bound,
        0.25,
        open=0.0,
    )
    largest_distance: float = _key(
        SIZE, "sum of these steps, the largest of each round, in one run; 0: any", _smallest_bound, 2.0, open=0.0
    )
    required_protection: tuple[str, ...] = _key(
        _some_of(*PROTECTIONS), "what a run must offer", _either, (), sealed=("sealed",)
    )
    required_members: tuple[str, ...] = _key(
        NAMES, "countries without which this one takes part in no sealed run", _either, ()
    )
    minimum_members: int = _key(POSITIVE, "fewest countries in any sum of a sealed run", max, 3)
    threshold_share: float = _key(
        SHARE, "share of the members of a sealed run that must sign a list before its sum opens", max, 0.66, open=0.5
    )
    members_sealed_only: bool = _key(
        SWITCH, "the other members of a sealed run must serve no other runs", _any, False, sealed=True
    )
    repeat_start: bool = _key(
        SWITCH, "a second sealed run may begin with the same first model as one before", _both, False, open=True
    )
    members_change: bool = _key(
        SWITCH,
        "a sealed run may have members that differ by fewer than minimum_members from those of one before: the "
        "difference of the two runs tells scores of whoever is in one of them alone",
        _both,
        False,
        open=True,
    )
    worse_rounds: int = _key(
        COUNT,
        "rounds of a sealed run after which half of the countries found the model worse, until this one leaves; 0: any",
        _smallest_bound,
        2,
        open=0,
    )
    models: tuple[str, ...] = _key(NAMES, "values of task.model that are trained here", _common, tuple(sorted(MODELS)))
    optimizers: tuple[str, ...] = _key(
        _some_of(*OPTIMIZERS),
        "values of training.optimizer; a step of sgd is a gradient, one of adamw has little more than its signs",
        _common,
        ("adamw",),
        open=OPTIMIZERS,
    )
    maximum_learning_rate: float = _key(SIZE, "of training.lr", min, 0.1, open=10.0)
    minimum_clip: float = _key(
        SIZE,
        "of training.clip_gradient and clip_example: gradients cut to almost nothing make a step of adamw one of sgd",
        max,
        0.01,
        open=0.0,
    )
    minimum_batch: int = _key(
        POSITIVE, "training.batch_size; the last batch of a pass holds the rows that are left", max, 16, open=1
    )
    minimum_steps: int = _key(POSITIVE, "optimiser steps in one round on this country's records", max, 2, open=1)
    minimum_cohort: int = _key(POSITIVE, "fewest reported place-periods behind any number that leaves", max, 24)
    largest_term: float = _key(
        SHARE,
        "share of a sum of errors that one place-period may make, the (1, k) dominance rule; 1: any",
        min,
        0.8,
        open=1.0,
    )
    maximum_rounds: int = _key(COUNT, "longest run", min, 200, open=1000)
    maximum_epochs: int = _key(COUNT, "passes over the records in one round", min, 100)
    maximum_steps: int = _key(COUNT, "optimiser steps in one round, of a run that sets them", min, 10_000)
    maximum_parameters: int = _key(COUNT, "of the largest model that is built here", min, 1_000_000, open=10_000_000)
    maximum_energy: float = _key(
        SIZE,
        "Wh that this country's own work in a run may take, as its vault estimates it; no round of training begins "
        "after that. 0: any",
        _smallest_bound,
        0.0,
    )
    runs_per_day: int = _key(COUNT, "runs that may begin within 24 hours", min, 24, open=100)
    runs_per_month: int = _key(COUNT, "runs that may begin within 30 days", min, 100, open=10_000)
    rounds_per_month: int = _key(COUNT, "rounds of all runs within 30 days", min, 2000, open=1_000_000)
    round_scores: bool = _key(
        SWITCH, "scores and loss leave with every round; false: scores leave with the test alone", _both, True
    )
    records_end: bool = _key(
        SWITCH, "the last period of its records leaves in its terms, for until=latest and for tables", _both, True
    )
    explore: bool = _key(
        SWITCH,
        "means of its records by year and by season, how many are missing, and what they can serve, leave on request",
        _both,
        False,
        open=True,
    )
    largest_update: float = _key(
        SIZE, "L2 norm to which an update is scaled down before it leaves; 0: as it is", _smallest_bound, 0.0
    )
    epsilon: float = _key(
        SIZE, "privacy budget of all runs under differential privacy together; 0: no such run", min, 8.0, open=100.0
    )
    epsilon_per_year: float = _key(
        SIZE, "the same of the runs within a year; 0: the budget of all runs alone", _smallest_bound, 0.0
    )
    delta: float = _key(SMALL, "chance that epsilon does not hold, for which both budgets are counted", min, 1e-5)


KEYS: Mapping[str, Field[Any]] = {each.name: each for each in fields(Policy) if each.metadata}


def values_of(policy: Policy) -> dict[str, Any]:
    """Key -> value, as terms carry them: plain values, lists for names."""
    values = {name: getattr(policy, name) for name in KEYS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a file or of terms as `Policy` takes them. Raises ValueError, naming the key and what it may hold."""
    for name, value in values.items():
        if name not in KEYS:
            raise ValueError(f"unknown key {name!r}; {nearest(name, KEYS)}")
        form: Form = KEYS[name].metadata["form"]
        if not form.fits(value):
            raise ValueError(f"{name} = {value!r} must be {form.words}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def complete(values: Any) -> dict[str, Any]:
    """Values of terms, every key of which is there, as `Policy` takes them. Raises ValueError as `checked` does."""
    if not isinstance(values, Mapping):
        raise ValueError("no policy")
    for name in KEYS:
        if name not in values:
            raise ValueError(f"{name} is missing")
    return checked(values)
