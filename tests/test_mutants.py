"""Mutants are tried by hand, for they take an hour; that their places are still there is looked at every time."""

import pytest

from tests.mutants import MUTANTS, ROOT


@pytest.mark.parametrize("name", MUTANTS)
def test_the_place_that_a_mutant_breaks_is_still_there(name: str) -> None:
    mutant = MUTANTS[name]
    assert mutant.old in (ROOT / mutant.file).read_text("utf-8")
    assert all((ROOT / place.partition("::")[0]).exists() for place in mutant.tests.split())
