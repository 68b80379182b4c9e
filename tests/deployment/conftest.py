"""One country with its keys, for tests that need no process."""

from pathlib import Path

import pytest

from tests.deployment.pair import Country


@pytest.fixture
def country(tmp_path: Path) -> Country:
    """Its vault, courier's key and ledger."""
    return Country(tmp_path / "vnm")
