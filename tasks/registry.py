"""The registry of tasks: a new one is a folder and its line here."""

from tasks.agriculture import TASK as AGRICULTURE
from tasks.disaster import TASK as DISASTER
from tasks.health import TASK as HEALTH
from tasks.health_weekly import TASK as HEALTH_WEEKLY
from tasks.prices import TASK as PRICES
from tasks.river.tables import TABLES as RIVERS
from tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (HEALTH, HEALTH_WEEKLY, DISASTER, AGRICULTURE, PRICES)}
# (task, task.calendar.step) -> the task whose records come by that step, where it is another one.
BY_STEP = {("health", "week"): HEALTH_WEEKLY.name}
# Every national file by its name, whichever task reads it.
TABLES = {name: table for task in TASKS.values() for name, table in task.tables.items()} | RIVERS
