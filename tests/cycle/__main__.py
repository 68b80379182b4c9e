"""`python -m tests.cycle [DATA [ROUNDS [TASK ...]]]`: twelve months over a year of national or synthetic files."""

import contextlib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import numpy as np

from tasks.registry import TASKS
from tests.cycle import vintages, year
from tests.cycle.year import Play

# task -> the last month of the year, in which most countries report on public records, and the recipe.
YEARS = {"health": ("2008-12", "dengue"), "disaster": ("2016-12", "drought")}
POISONED = 6  # the month of the year that is done again with absurd rows after it


def main(words: Sequence[str]) -> None:
    """Raises AssertionError with what does not hold."""
    data, rounds, tasks = Path(words[0]).resolve() if words else None, words[1:2], words[2:]
    for task in tasks or (YEARS if data else ("health",)):
        with TemporaryDirectory(prefix="gotong-year-") as work:
            _prove(data or _synthetic(Path(work) / "whole"), Path(work), task, rounds)


def _prove(data: Path, work: Path, task: str, rounds: Sequence[str]) -> None:
    began, (last, recipe) = monotonic(), YEARS[task]
    months = [str(np.datetime64(last, "M") - back) for back in reversed(range(12))]
    chosen = [f"recipe={recipe}", *(f"rounds={each}" for each in rounds)]
    countries = vintages.countries_in(data, task, months)
    played = Play(data=data, work=work, task=task, countries=countries, months=months, words=chosen)
    log = Path(f"cycle-{task}.log").resolve()
    print(f"{task}: {', '.join(countries)}, {months[0]} to {last}; every run is printed to {log}", flush=True)
    logging.getLogger("tasks").setLevel(logging.ERROR)  # a year of warnings about the same numbers
    with log.open("w", buffering=1) as file, contextlib.redirect_stdout(file):
        year.play(played)
        lines = year.check(played, poisoned=months[POISONED])
    print("\n".join(lines))
    print(f"{task}: 12 months in {monotonic() - began:.0f} s; every product equals one made afresh, absurd rows after "
          f"{months[POISONED]} changed nothing, every promotion follows from its table", flush=True)  # fmt: skip


def _synthetic(folder: Path) -> Path:
    task = TASKS["health"]
    for country in ("KHM", "LAO", "VNM"):
        (folder / country).mkdir(parents=True)
        task.synthesize(folder / country, country, 1, task.settings())
        for truth in (folder / country).glob("*.npz"):  # of the whole file
            truth.unlink()
    return folder


if __name__ == "__main__":
    main(sys.argv[1:])
