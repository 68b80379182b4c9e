"""What tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("gotong", deadline=None)  # machines that share their cores stall now and then
settings.load_profile("gotong")

BESIDE = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def public_data() -> Path:
    """Folder of the public files that the importers read; never part of the repository."""
    folder = Path(os.environ.get("GOTONG_TEST_DATA", BESIDE))
    if not folder.is_dir():
        pytest.skip(f"no public files at {folder}: set GOTONG_TEST_DATA to their folder")
    return folder
