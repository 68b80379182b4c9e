"""All checks of a task, without a test runner."""

from pathlib import Path

from tasks.task import Task
from tasks.testing import CHECKS, MODEL_CHECKS, example_of, model_examples


def check_task(task: Task, folder: Path) -> None:
    """Run every check on a task, with a synthetic country in `folder`, which must be empty.

    Raises AssertionError at the first check that the task does not pass.
    """
    example = example_of(task, folder)
    for check in CHECKS:
        check(example)
    for each in model_examples(example):
        for check in MODEL_CHECKS:
            check(each)
