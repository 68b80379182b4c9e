"""Runs that differ only in their seed are one result: the mean over the seeds."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from federation.reporting.rows import Row
from federation.studies.finished_runs import FinishedRun
from tasks.registry import TASKS
from tasks.settings import TaskSettings
from tasks.task import Task

IGNORED = ("seed", "data")  # parameters that make no other experiment
Key = tuple[str, str, str, str]  # country, arm, score, horizon


@dataclass(frozen=True, kw_only=True)
class Group:
    """One experiment. rows: means over the seeds, of values and of interval ends; spread: largest less smallest value.

    excluded: the same of its excluded period; paired: of differences. validation: means too.
    """

    experiment: str
    task: Task
    settings: TaskSettings
    params: Mapping[str, str]
    runs: Sequence[FinishedRun]
    rows: Sequence[Row]
    excluded: Sequence[Row]
    paired: Sequence[Row]
    spread: Mapping[Key, float]
    validation: Mapping[tuple[str, str, str], float]

    @property
    def title(self) -> str:
        """What is forecast."""
        return self.task.title(self.settings)

    @property
    def headline(self) -> str:
        """The score that counts."""
        return next(iter(self.task.scores))

    @property
    def unaligned(self) -> bool:
        """Whether each country was cut at its own end, so that its scores flatter it."""
        return self.settings.calendar.unaligned

    @property
    def seeds(self) -> list[int]:
        """In order."""
        return sorted(int(run.params["seed"]) for run in self.runs)

    def param(self, name: str) -> str:
        """A parameter, empty where it is not set."""
        value = self.params.get(name, "")
        return "" if value in ("None", "[]") else value


def groups(runs: Iterable[FinishedRun]) -> list[Group]:
    """Of several runs with the same parameters and seed the newest counts. Order: as the first of each began."""
    experiments: dict[tuple[Any, ...], dict[str, FinishedRun]] = {}
    for run in sorted(runs, key=lambda one: one.began):
        params = {name: value for name, value in run.params.items() if name not in IGNORED}
        experiments.setdefault((run.experiment, *sorted(params.items())), {})[run.params["seed"]] = run
    return [_group(list(seeds.values())) for seeds in experiments.values()]


def _group(runs: list[FinishedRun]) -> Group:
    first = runs[0]
    rows = _rows_by_key(row for run in runs for row in run.rows)
    evaluated: dict[tuple[str, str, str], list[float]] = {}
    for run in runs:
        for key, value in run.validation.items():
            evaluated.setdefault(key, []).append(value)
    params = {name: value for name, value in first.params.items() if name not in IGNORED}
    task = TASKS[params["task.name"]]
    return Group(
        experiment=first.experiment,
        task=task,
        settings=_settings(task, params),
        params=params,
        runs=runs,
        rows=[_mean(same) for same in rows.values()],
        excluded=[_mean(same) for same in _rows_by_key(row for run in runs for row in run.excluded).values()],
        paired=[_mean(same) for same in _rows_by_key(row for run in runs for row in run.paired).values()],
        spread={key: float(np.ptp([row.value for row in same])) for key, same in rows.items()},
        validation={key: float(np.mean(values)) for key, values in evaluated.items()},
    )


def _rows_by_key(rows: Iterable[Row]) -> dict[Key, list[Row]]:
    by_key: dict[Key, list[Row]] = {}
    for row in rows:
        by_key.setdefault((row.country, row.arm, row.score, row.horizon), []).append(row)
    return by_key


def _mean(rows: Sequence[Row]) -> Row:
    value, low, high = (float(np.mean([getattr(row, name) for row in rows])) for name in ("value", "low", "high"))
    return replace(rows[0], value=value, low=low, high=high)


def _settings(task: Task, params: Mapping[str, str]) -> TaskSettings:
    """The task's settings again, from the parameters that MLflow keeps."""
    settings = task.settings()
    for part, prefix in ((settings, "task."), (settings.calendar, "task.calendar.")):
        for each in fields(part):
            text = params.get(f"{prefix}{each.name}")
            if text is not None:
                was = getattr(part, each.name)
                setattr(part, each.name, text if isinstance(was, str) else ast.literal_eval(text))
    return settings
