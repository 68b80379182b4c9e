"""Every mutant's place is looked at every time, and a seeded one is tried; `scripts/prove mutants` tries them all."""

import random
from pathlib import Path

import pytest

from tests.mutants import MUTANTS, ROOT, survives


@pytest.mark.parametrize("name", MUTANTS)
def test_the_place_that_a_mutant_breaks_is_still_there(name: str) -> None:
    mutant = MUTANTS[name]
    assert mutant.old in (ROOT / mutant.file).read_text("utf-8")
    assert all((ROOT / place.partition("::")[0]).exists() for place in mutant.tests.split())


@pytest.mark.long
@pytest.mark.parametrize("name", random.Random(1).sample(sorted(MUTANTS), 2))
def test_a_mutant_is_caught(name: str, tmp_path: Path) -> None:
    assert not survives(MUTANTS[name], tmp_path)
