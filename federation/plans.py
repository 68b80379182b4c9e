"""Settings from plain values, by the tasks and strategies installed here: what a vault does with a request and a
coordinator with a checkpoint."""

from collections.abc import Mapping
from typing import Any, TypeVar

from federation.errors import ConfigError
from federation.settings import Plan, Settings, StrategySettings, build
from federation.strategies import STRATEGIES
from federation.strategies.strategy import public
from tasks import TASKS
from tasks.task import TaskSettings

S = TypeVar("S", Plan, Settings)


def restore(schema: type[S], values: Mapping[str, Any], where: str) -> S:
    """A checked Plan or Settings. Raises ConfigError or SettingError for what is unknown here or out of range."""
    task = _chosen(values, "task", TASKS)
    strategy = _chosen(values, "strategy", STRATEGIES)
    settings = build(schema, values, where, task=TASKS[task].settings, strategy=STRATEGIES[strategy].settings)
    check(settings)
    return settings


def check(settings: Plan | Settings) -> None:
    """Raise ConfigError or SettingError for values out of range, and for what its strategy cannot follow or keep."""
    _agree("task", settings.task, {name: task.settings for name, task in TASKS.items()})
    _agree("strategy", settings.strategy, {name: strategy.settings for name, strategy in STRATEGIES.items()})
    settings.check()
    plan = settings if isinstance(settings, Plan) else settings.plan()
    STRATEGIES[plan.strategy.name].fits(plan)
    if plan.strategy.private:
        model = TASKS[plan.task.name].build_model(plan.task, plan.seed)
        public(dict(model.named_parameters()), plan.strategy.private)


def _agree(part: str, chosen: TaskSettings | StrategySettings, schemas: Mapping[str, type[Any]]) -> None:
    if schemas.get(chosen.name) is not type(chosen):
        raise ConfigError(
            f"{part}.name={chosen.name} does not go with the other {part} settings; write {part}={chosen.name}, "
            f"of {', '.join(schemas)}"
        )


def _chosen(values: Mapping[str, Any], part: str, registry: Mapping[str, Any]) -> str:
    table = values.get(part)
    name = table.get("name") if isinstance(table, Mapping) else None
    if not isinstance(name, str) or name not in registry:
        raise ConfigError(f"{part} {name!r} is not installed here; installed are {', '.join(registry)}")
    return name
