"""The toy task in the registry, and federations over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.registry import TASKS
from tests.federation.federations import FederationOf, Ran, ready, run, settings_of
from tests.federation.toy import TOY


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tests run side by side, and two threads on one core wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy among the real tasks, wherever the registry is looked up."""
    monkeypatch.setitem(TASKS, TOY.name, TOY)


@pytest.fixture
def federation_of(tmp_path: Path, toy: None) -> FederationOf:  # noqa: ARG001
    """A whole federation in a folder of its own, each call another: federation_of(["THA", "VNM"], rounds=2)."""
    count = 0

    def start(*countries: Any, policies: Mapping[str, str] | None = None, **chosen: Any) -> Ran:
        nonlocal count
        count += 1
        folder = tmp_path / f"federation-{count}"
        return run(ready(settings_of(folder, *countries, **chosen), policies))

    return start
