"""A pytest plugin: the contracts of tasks, models and strategies, run on the package that offers them.

    pytest -p federation.packages.testing --package gotong-rice

makes a test of every check for everything that the installed package offers by entry points. Your package needs no
test of its own for them; `check_package` is the same without pytest.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from packaging.utils import canonicalize_name

from federation.packages.installed import GROUPS, installed, points_of
from federation.packages.load import load_all
from federation.strategies import STRATEGIES
from federation.strategies.testing import check_strategy
from tasks.models.choice import ModelSettings, with_model
from tasks.registry import TASKS
from tasks.task import Task
from tasks.testing import CHECKS, MODEL_CHECKS, Example, example_of, model_examples

Check = tuple[str, Callable[[Path], None]]  # what it says, and the check, in an empty folder


def checks_of(package: str) -> Iterator[Check]:
    """Every check of what a package offers. Raises ValueError for one that is not installed, or cannot be used."""
    wrong, there = load_all(), installed()
    if wrong := [line for line in wrong if canonicalize_name(package) in line]:
        raise ValueError("; ".join(wrong))
    if canonicalize_name(package) not in there:
        raise ValueError(f"{package} is not installed, or offers nothing; there are {', '.join(there) or 'none'}")
    for point in points_of(there[canonicalize_name(package)]):
        yield from {"task": _of_task, "model": _of_model, "strategy": _of_strategy}[GROUPS[point.group]](point.name)


def check_package(package: str) -> None:
    """All of them. Raises AssertionError at the first that fails."""
    for _, check in checks_of(package):
        with TemporaryDirectory() as folder:
            check(Path(folder))


def _of_task(name: str) -> Iterator[Check]:
    for check in CHECKS:
        yield f"task {name}: {check.__name__}", partial(_checked, name, check)
    for check in MODEL_CHECKS:
        yield f"task {name}: {check.__name__}", partial(_checked_with_models, name, check)


def _checked(name: str, check: Callable[[Example], None], folder: Path) -> None:
    check(example_of(TASKS[name], folder))


def _checked_with_models(name: str, check: Callable[[Example], None], folder: Path) -> None:
    for each in model_examples(example_of(TASKS[name], folder)):
        check(each)


def _of_model(name: str) -> Iterator[Check]:
    """With the first task that has models to choose from."""
    task = next(each for each in TASKS.values() if issubclass(each.settings, ModelSettings))
    for check in MODEL_CHECKS:
        yield f"model {name}: {check.__name__}", partial(_checked_model, name, task, check)


def _checked_model(name: str, task: Task, check: Callable[[Example], None], folder: Path) -> None:
    example = example_of(task, folder)
    check(replace(example, settings=with_model(example.settings, name)))


def _of_strategy(name: str) -> Iterator[Check]:
    yield f"strategy {name}: check_strategy", lambda _: check_strategy(STRATEGIES[name])


class Item(pytest.Item):
    """One check as a test."""

    check: Callable[[Path], None]

    def runtest(self) -> None:
        """In a folder of its own."""
        with TemporaryDirectory() as folder:
            self.check(Path(folder))

    def reportinfo(self) -> tuple[Path, int, str]:
        """What pytest prints of a failure."""
        return Path(__file__), 0, self.name


def pytest_addoption(parser: pytest.Parser) -> None:
    """The key of the command line."""
    parser.addoption("--package", metavar="NAME", help="run Gotong's contracts on what this installed package offers")


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """The checks after whatever else was collected."""
    if package := config.getoption("--package"):
        for name, check in checks_of(package):
            item = Item.from_parent(session, name=name)
            item.check = check
            items.append(item)
