"""The registry of tasks: a new one is a folder and its line here, or a package of its own with an entry point."""

from dataclasses import field, fields, make_dataclass, replace
from typing import Any

from tasks.agriculture import TASK as AGRICULTURE
from tasks.disaster import TASK as DISASTER
from tasks.health import TASK as HEALTH
from tasks.health_weekly import TASK as HEALTH_WEEKLY
from tasks.models.choice import MODELS, ModelSettings
from tasks.models.model import Model
from tasks.prices import TASK as PRICES
from tasks.river import TASK as RIVER
from tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (HEALTH, HEALTH_WEEKLY, DISASTER, AGRICULTURE, PRICES, RIVER)}
# (task, task.calendar.step) -> the task whose records come by that step, where it is another one.
BY_STEP = {("health", "week"): HEALTH_WEEKLY.name}
# Every national file by its name, whichever task reads it.
TABLES = {name: table for task in TASKS.values() for name, table in task.tables.items()}


def add_task(task: Any) -> None:
    """Register a task of another package. Raises ValueError for what is none, or has a name or file that is taken."""
    if not isinstance(task, Task):
        raise ValueError(f"{task!r} is no tasks.task.Task")
    if task.name in TASKS:
        raise ValueError(f"there is a task {task.name!r} already")
    if taken := sorted(task.tables.keys() & TABLES.keys()):
        raise ValueError(f"the file {taken[0]} is of another task")
    TASKS[task.name] = _with_models(task)
    TABLES.update(task.tables)


def add_model(model: Any) -> None:
    """Register a model of another package, with its keys in the settings of every task that has models to choose from.

    Raises ValueError for what is none, or has a name that is taken.
    """
    if not isinstance(model, Model):
        raise ValueError(f"{model!r} is no tasks.models.model.Model")
    if model.name in MODELS or model.name in {each.name for each in fields(ModelSettings)}:
        raise ValueError(f"there is a model, or a key of a task, {model.name!r} already")
    MODELS[model.name] = model
    TASKS.update({name: _with_models(task) for name, task in TASKS.items()})


def _with_models(task: Task) -> Task:
    """The task with a field in its settings for each model that has keys and is not among them yet."""
    known = {each.name for each in fields(task.settings)}
    own: list[Any] = [
        (model.name, model.settings, field(default_factory=model.settings))
        for model in MODELS.values()
        if model.settings is not None and model.name not in known
    ]
    if not own or not issubclass(task.settings, ModelSettings):
        return task
    namespace = {"__module__": task.settings.__module__, "__doc__": task.settings.__doc__}
    return replace(
        task, settings=make_dataclass(task.settings.__name__, own, bases=(task.settings,), namespace=namespace)
    )
