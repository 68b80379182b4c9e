"""One country with its keys, for tests that need no process."""

from pathlib import Path

import pytest

from tests.deployment.pair import Coordinator, Country


@pytest.fixture
def country(tmp_path: Path) -> Country:
    """Its vault, courier's key and ledger."""
    return Country(tmp_path / "vnm")


@pytest.fixture
def coordinator(country: Country) -> Coordinator:
    """After three rounds; it has the reply to the third, and the vault its statement of the second."""
    made = Coordinator(country)
    assert [made.ask().kind for _ in range(3)] == ["update"] * 3
    return made
