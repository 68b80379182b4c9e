"""Settings from plain values, by the tasks and strategies installed here: what a vault does with a request and a
coordinator with a checkpoint."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import torch

from federation.composition.renamed import refuse_renamed
from federation.errors import ConfigError
from federation.packages.used import used
from federation.privacy import fits
from federation.settings.parts import StrategySettings, TrainingSettings
from federation.settings.plan import PROTECTION, SEALED, Plan, is_noised
from federation.settings.schema import Settings
from federation.settings.values import build, plain
from federation.strategies import REMOVED, STRATEGIES
from federation.strategies.strategy import public
from tasks.errors import SettingError
from tasks.models.choice import ModelSettings
from tasks.models.weights import built, trainable
from tasks.registry import TASKS
from tasks.settings import TaskSettings

S = TypeVar("S", Plan, Settings)


def restore(schema: type[S], values: Mapping[str, Any], where: str, *, models: bool = True) -> S:
    """A checked Plan or Settings. Raises ConfigError or SettingError for what is unknown here or out of range.

    models: check what needs a model to be built as well; a vault does that only for a plan that its policy allows.
    """
    refuse_renamed(values, where)
    task = _chosen(values, "task", TASKS)
    strategy = _chosen(values, "strategy", STRATEGIES)
    settings = build(schema, values, where, task=TASKS[task].settings, strategy=STRATEGIES[strategy].settings)
    check_values(settings)
    if models:
        check_models(settings)
    return settings


def check(settings: Plan | Settings) -> None:
    """Raise ConfigError or SettingError for values out of range, and for what its strategy cannot follow or keep."""
    check_values(settings)
    check_models(settings)


def check_values(settings: Plan | Settings) -> None:
    """What can be checked without a model. Raises as `check` does."""
    _agree("task", settings.task, {name: task.settings for name, task in TASKS.items()})
    _agree("strategy", settings.strategy, {name: strategy.settings for name, strategy in STRATEGIES.items()})
    settings.check()
    if isinstance(settings, Settings):
        check_packages(settings)
    plan = settings.plan() if isinstance(settings, Settings) else settings
    STRATEGIES[plan.strategy.name].fits(plan)
    if SEALED in PROTECTION[plan.protection]:
        _check_sealed(plan)
    if is_noised(plan):
        fits.check(plan, TASKS[plan.task.name], STRATEGIES[plan.strategy.name])


def _check_sealed(plan: Plan) -> None:
    """Raise ConfigError for a plan whose rounds cannot be sealed."""
    if STRATEGIES[plan.strategy.name].step is None:
        able = ", ".join(name for name, each in STRATEGIES.items() if each.step is not None)
        raise ConfigError(
            f"strategy={plan.strategy.name} needs more than the mean of the updates, and a sealed run has nothing "
            f"else; use one of {able}"
        )
    if plan.transport != "float32":
        raise ConfigError(f"transport={plan.transport}: the words of a sealed run are smaller already; leave it out")


def check_models(settings: Plan | Settings) -> None:
    """Raise ConfigError for a country's own model that cannot be, and for private weights that no model has."""
    plan = settings.plan() if isinstance(settings, Settings) else settings
    for country in plan.local:
        own_model_plan(plan, country)
    if plan.strategy.private:
        public(trainable(built(TASKS[plan.task.name], plan.task, plan.seed)), plan.strategy.private)


def own_model_plan(plan: Plan, country: str) -> Plan:
    """The plan that a country's own model follows: the run's, but for what `local` says of this country.

    Raises ConfigError for a key that would change more than a model and its training, or is out of range.
    """
    chosen = plan.local.get(country)
    if not chosen:
        return plan
    where, allowed = f"local.{country}", own_keys(plan.task)
    for key in flat(chosen):
        if key not in allowed:
            raise ConfigError(f"{where} cannot set {key!r}; choose among {', '.join(sorted(allowed))}")
    try:
        own = restore(Plan, _over({**plain(plan), "local": {}}, chosen), "plan", models=False)
        plan.task.check_own(own.task)
        return own
    except (ConfigError, SettingError) as error:
        raise ConfigError(f"{where}: {error}") from None


def parameter_count(plan: Plan) -> int:
    """How many parameters the model of a plan has; no memory is taken for them."""
    with torch.device("meta"):
        return sum(each.numel() for each in TASKS[plan.task.name].build_model(plan.task, plan.seed).parameters())


def own_keys(task: TaskSettings) -> set[str]:
    """Dotted keys in which a country's own model may differ: its training, and the model where the task has several."""
    keys = {f"training.{each.name}" for each in fields(TrainingSettings)}
    if isinstance(task, ModelSettings):
        keys |= {f"task.{key}" for key in flat(plain(ModelSettings())).keys() - flat(plain(TaskSettings())).keys()}
    keys |= {f"task.{key}" for key in task.own_keys()}
    return keys


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables -> dotted key -> value."""
    dotted: dict[str, Any] = {}
    for key, value in values.items():
        dotted |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return dotted


def _over(values: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the chosen ones in their place, table by table."""
    tables = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    both = {key: _over(tables[key], new) for key, new in chosen.items() if key in tables and isinstance(new, Mapping)}
    return {**values, **chosen, **both}


def _of(values: Mapping[str, Any]) -> str:
    """What to do about a part of another package: in a plan of the network, whose words are quoted."""
    packages = values.get("packages")
    names = [repr(str(name)[:60]) for name in packages][:4] if isinstance(packages, Mapping) else []
    return (
        f"; the run rests on {', '.join(names)}, which a vault loads where `packages` of its policy says so"
        if names
        else ""
    )


def check_packages(settings: Settings) -> None:
    """Raise ConfigError for a run of other packages than are installed here."""
    own = used(settings)
    for name in sorted(own.keys() | settings.packages.keys()):
        here, there = own.get(name, "not used"), settings.packages.get(name, "not used")
        if here != there:
            raise ConfigError(
                f"packages.{name}: the run has {there}, here it is {here}; install the same, or begin anew"
            )


def _agree(part: str, chosen: TaskSettings | StrategySettings, schemas: Mapping[str, type[Any]]) -> None:
    if schemas.get(chosen.name) is not type(chosen):
        raise ConfigError(
            f"{part}.name={chosen.name} does not go with the other {part} settings; write {part}={chosen.name}, "
            f"of {', '.join(schemas)}"
        )


def _chosen(values: Mapping[str, Any], part: str, registry: Mapping[str, Any]) -> str:
    table = values.get(part)
    name = table.get("name") if isinstance(table, Mapping) else None
    if part == "strategy" and isinstance(name, str) and name in REMOVED:
        raise ConfigError(f"strategy {name!r} is gone; {REMOVED[name]}")
    if not isinstance(name, str) or name not in registry:
        raise ConfigError(f"{part} {name!r} is not installed here; installed are {', '.join(registry)}{_of(values)}")
    return name
