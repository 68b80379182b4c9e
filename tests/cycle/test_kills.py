"""A cycle that is killed around any change on the disk and done again equals one that was not disturbed."""

import os
import random
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import forked
from tests.cycle import vintages
from tests.cycle.killed import left_by, live
from tests.cycle.test_year import SMALL, synthetic

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
COUNTRIES = ["BRN", "TLS"]
WORDS = ["cycle", "task=health", f"region.countries=[{','.join(COUNTRIES)}]", *SMALL, "data=national", "runs=runs",
         "until=2008-05", "today=2008-06-05", "tracking.patience=120"]  # fmt: skip
KILLS = int(os.environ.get("GOTONG_KILLS", "1"))
SEED = int(os.environ.get("GOTONG_SEED", "1"))


def gotong(where: Path, kill: int) -> forked.Ended:
    return forked.run(where, WORDS, partial(live, kill, str(where.with_suffix(".count"))))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    vintages.write(synthetic(folder / "whole", COUNTRIES), folder / "national", "health", COUNTRIES, "2008-05", 1)
    return folder / "national"


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, Mapping[str, Any]]:
    """The folder, how many moments there were, and all that was left."""
    where = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(data, where / "national")
    done = gotong(where, -1)
    assert done.returncode == 0, done.stderr
    moments = int(where.with_suffix(".count").read_text())
    assert moments > 100
    return where, moments, left_by(where, "health")


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_cycle_that_is_done_again_equals_the_undisturbed_one(
    number: int, data: Path, undisturbed: tuple[Path, int, Mapping[str, Any]], tmp_path: Path
) -> None:
    reference, moments, expected = undisturbed
    # One kill in each part of the cycle, so that a few meet its late steps, too.
    kill = random.Random(SEED * 1000 + number).randrange(moments * number // KILLS, moments * (number + 1) // KILLS)
    shutil.copytree(data, tmp_path / "national")
    # The secret that fingerprints records is a country's own: both are of the same countries.
    shutil.copytree(reference / "runs" / "keys", tmp_path / "runs" / "keys")
    killed = gotong(tmp_path, kill)
    assert killed.returncode == -9, f"moment {kill} of {moments}: {killed.stderr}"
    again = gotong(tmp_path, -1)
    assert again.returncode == 0, f"killed at moment {kill} of {moments}: {again.stderr}"
    assert left_by(tmp_path, "health") == expected
    idle = gotong(tmp_path, -1)
    assert "nothing to do; 2008-05 is done" in idle.stdout
