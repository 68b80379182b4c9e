"""Every registered task keeps the contract of `tasks.testing`; a new task is tested by its line in the registry."""

import pytest

from tasks.registry import TASKS
from tasks.task import Task
from tasks.testing import CHECKS, MODEL_CHECKS, Example, example_of, model_examples
from tasks.testing.example import Check


@pytest.fixture(scope="module", params=TASKS.values(), ids=TASKS)
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
