"""Two months on the synthetic files of each: what `scripts/prove cycle` plays over twelve."""

from pathlib import Path

import pytest

from tasks.registry import TASKS
from tests.cycle import year
from tests.cycle.year import Play

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
SMALL = ("rounds=1", "task.hidden=[]", "strategy=fedavg", "quorum=1")


def synthetic(folder: Path, countries: list[str]) -> Path:
    """Whole national files without the truth, which is of the whole file."""
    task = TASKS["health"]
    for country in countries:
        (folder / country).mkdir(parents=True)
        task.synthesize(folder / country, country, 1, task.settings())
        for truth in (folder / country).glob("*.npz"):
            truth.unlink()
    return folder


def test_two_months_hold_what_a_year_must(tmp_path: Path) -> None:
    countries = ["BRN", "TLS"]
    data = synthetic(tmp_path / "data", countries)
    months = ("2008-05", "2008-06")
    played = Play(data=data, work=tmp_path, task="health", countries=countries, months=months, words=SMALL)
    year.play(played)
    lines = year.check(played, poisoned="2008-06")
    assert [line.split()[0] for line in lines] == list(months)
