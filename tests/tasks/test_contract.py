"""Every registered task keeps the contract of `tasks.testing`; a new task is tested by its line in the registry."""

import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from torch import nn

import tasks.task
from tasks.registry import TASKS
from tasks.task import Task
from tasks.testing import CHECKS, MODEL_CHECKS, Example, example_of, model_examples
from tasks.testing.example import Check
from tasks.testing.learning import check_every_layer_has_a_batching_rule
from tasks.testing.run import check_task

IMPORTS = """
from dataclasses import dataclass
from itertools import accumulate
import numpy as np
import torch
from torch import nn
from tasks.data import DenseWindows, Panel, Windows
from tasks.errors import DataError
from tasks.evaluation.scores import mean_of
from tasks.settings import TaskSettings
from tasks.task import Task
from tasks.windows import ahead, part_of
"""


def documented_task() -> Task:
    """The task in the docstring of the contract."""
    text = (tasks.task.__doc__ or "").partition("\nIn a folder of its own")[0]
    module = sys.modules["documented_task"] = ModuleType("documented_task")  # where pickle looks for its loss
    exec(IMPORTS + textwrap.dedent(text[text.index("    @dataclass") :]), module.__dict__)
    task: Task = module.TASK
    return task


@pytest.fixture(scope="module", params=list(TASKS.values()), ids=list(TASKS))
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Example:
    task: Task = request.param
    return example_of(task, tmp_path_factory.mktemp(task.name))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_registered_by_its_name(name: str) -> None:
    assert TASKS[name].name == name


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_contract_holds(example: Example, check: Check) -> None:
    check(example)


@pytest.mark.parametrize("check", MODEL_CHECKS, ids=lambda check: check.__name__)
def test_the_contract_holds_with_every_model(example: Example, check: Check) -> None:
    for each in model_examples(example):
        check(each)


def test_a_layer_without_a_batching_rule_fails_with_its_name_and_what_to_use(example: Example) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.GRU(4, 2))
    recurrent = replace(example.task, build_model=lambda settings, seed: model)  # noqa: ARG005
    with pytest.raises(AssertionError, match=r"1 \(nn\.GRU\): use a cell written with matrix products"):
        check_every_layer_has_a_batching_rule(replace(example, task=recurrent))


def test_the_task_in_the_docstring_keeps_the_contract(tmp_path: Path) -> None:
    check_task(documented_task(), tmp_path)
