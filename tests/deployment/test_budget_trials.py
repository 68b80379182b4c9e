"""A sample of `scripts/prove budget`: no release without its charge, whenever the vault is killed."""

from tests.deployment.budget_trials import trials


def test_kills_never_leave_a_release_without_its_charge() -> None:
    assert trials(8, seed=3) >= 8
