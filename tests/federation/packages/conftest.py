"""Registries that forget what a test loaded, and the folder from which packages of other people are found."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.packages import load
from federation.strategies import STRATEGIES
from tasks.models.choice import MODELS
from tasks.registry import TABLES, TASKS

REGISTRIES: tuple[dict[Any, Any], ...] = (TASKS, TABLES, MODELS, STRATEGIES, load.ORIGIN, load._TRIED)


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, beside the environment."""
    before, modules = [dict(each) for each in REGISTRIES], set(sys.modules)
    folder = tmp_path / "beside"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for registry, content in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(content)
    for name in set(sys.modules) - modules:
        if name.startswith(("gotong_rice", "other_")):
            del sys.modules[name]
