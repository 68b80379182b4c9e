"""Differential privacy by place rests on this: all records of a place, changed, reach no other place's windows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.registry import TASKS
from tasks.task import Task
from tasks.testing.unit_local import unit_local

DECLARED = [task for task in TASKS.values() if task.unit_local]


def test_some_task_can_be_trained_under_differential_privacy() -> None:
    assert [task.name for task in DECLARED] == ["health"]


@pytest.mark.parametrize("country", ["KHM", "PHL", "SGP", "VNM"])
@pytest.mark.parametrize("chosen", [{}, {"weather": False, "horizons": 1}], ids=["default", "no weather"])
@pytest.mark.parametrize("task", DECLARED, ids=lambda task: task.name)
def test_no_place_reaches_another_one(task: Task, country: str, chosen: dict[str, Any], tmp_path: Path) -> None:
    settings = task.settings(**chosen)
    task.synthesize(tmp_path, country, 3, settings)
    unit_local(task, task.read(tmp_path, country, settings), settings)


def test_the_check_sees_statistics_that_places_share(tmp_path: Path) -> None:
    health = TASKS["health"]
    health.synthesize(tmp_path, "KHM", 3, health.settings())
    panel = health.read(tmp_path, "KHM", health.settings())
    with pytest.raises(AssertionError, match="of another place depends on the records of"):
        unit_local(replace(health, unit_local={"statistics": "country"}), panel, health.settings())
