"""A sample of `scripts/prove ledger`: what is done to a vault's files or process is seen, or harmless."""

import pytest

from tests.deployment.ledger_trials import trials


@pytest.mark.long
@pytest.mark.timeout(600)  # a vault's process starts again and again
def test_kills_cut_files_backups_and_clocks_are_seen_or_harmless() -> None:
    assert sum(trials(6, seed=5).values()) == 6
