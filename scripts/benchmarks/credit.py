"""scripts/bench credit [groups=11,22,44] [rounds=4] [repeats=3] [KEY=VALUE ...]

What `credit=true` takes: CPU seconds of the run without it, those of saying what each country contributed, and their
ratio within one run; a line of every number of synthetic countries, medians of the repeats. Other words are settings.
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from quiet import listen
from rich.console import Console

from federation.composition.compose import settings_of
from federation.coordinator.state import Credit
from federation.runs import simulation
from federation.training.device import cpu_seconds
from tasks.places.countries import CODES

OPTIONS = {"groups": "11,22,44", "rounds": "4", "repeats": "3"}


def measured(countries: Sequence[str], words: Sequence[str], folder: Path) -> tuple[float, float, int]:
    """CPU seconds of a run without its credit, those of the credit, and the models that it took."""
    spent: list[tuple[float, int]] = []
    credit = getattr(simulation, "credit")  # noqa: B009  # which it imports for itself

    def timed(*arguments: Any) -> Credit:
        began = process_time()
        made: Credit = credit(*arguments)
        spent.append((process_time() - began, made.models))
        return made

    setattr(simulation, "credit", timed)  # noqa: B010
    try:
        before = cpu_seconds()
        region = f"region.countries=[{','.join(countries)}]"
        settings = settings_of([region, "credit=true", "tracking=none", f"runs={folder}", *words])
        simulation.simulate(settings, Console(quiet=True))
        whole = cpu_seconds() - before
    finally:
        setattr(simulation, "credit", credit)  # noqa: B010
    [(seconds, models)] = spent
    return whole - seconds, seconds, models


def main(words: Sequence[str]) -> None:
    """Print a line of every number of countries."""
    logging.disable(logging.WARNING)  # of what is odd about synthetic numbers
    given = dict(word.split("=", 1) for word in words)
    options = {key: given.pop(key, value) for key, value in OPTIONS.items()}
    heard, rest = listen(), [f"rounds={options['rounds']}", *(f"{key}={value}" for key, value in given.items())]
    print("countries  run, CPU s  credit, CPU s  ratio (of each repeat)    models")
    for many in map(int, options["groups"].split(",")):
        rows = []
        for _ in range(int(options["repeats"])):
            with TemporaryDirectory() as folder:
                rows.append(measured(sorted(CODES)[:many], rest, Path(folder)))
        run, seconds, models = (median(row[at] for row in rows) for at in range(3))
        ratios = sorted(credit / run for run, credit, _ in rows)
        said = f"{median(ratios):.2f} ({', '.join(f'{ratio:.2f}' for ratio in ratios)})"
        print(f"{many:<10} {run:<11.1f} {seconds:<14.1f} {said:<25} {models:.0f}", flush=True)
    print(f"others used {heard.busy:.0f} % of all cores before (load {heard.load:.1f})")


if __name__ == "__main__":
    main(sys.argv[1:])
