"""Synthetic rivers of one country, by the settings of the module that asks."""

from pathlib import Path

import pytest

from tasks.river import TASK


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its national file, of seed 1."""
    path = tmp_path_factory.mktemp("river")
    TASK.synthesize(path, "LAO", 1, request.module.SETTINGS)
    return path
