"""scripts/bench noise [epsilons=inf,8,4,2,1] [draws=3] [data=FOLDER] [KEY=VALUE ...]: what differential privacy costs.

Runs of `recipe=dengue_noised`, or of any other keys, with the noise of each epsilon and with none (inf), which only
this bench and the tests can have. A row an epsilon: log-WIS of the final model in the test years over all place-periods
of the region, looked at in the countries and not released, as the mean and the ends of the draws, in % over the
same without noise; and the noised score that would leave.
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from federation.composition.compose import compose
from federation.coordinator.state import Report
from federation.privacy.mechanism import SYSTEM, Noise
from federation.runs import simulation
from federation.settings.schema import Settings
from federation.training import sequential
from federation.vault.requests import fresh
from tasks.data import Array
from tasks.evaluation.score import merge
from tasks.registry import TASKS

NONE = Noise(gaussian=lambda size: np.zeros(size, np.int64), laplace=lambda _: 0)
OWN = ("epsilons", "draws")


class Silent:
    """A watch that keeps nothing."""

    def round(self, report: Report) -> None:
        """Nothing."""

    def flush(self) -> int:
        """Nothing."""
        return 0

    def commit(self) -> None:
        """Nothing."""


def run(settings: Settings, epsilon: float, draw: int) -> tuple[float, float]:
    """Log-WIS of the final model over all place-periods, and the region's noised score."""
    noise = SYSTEM if np.isfinite(epsilon) else NONE
    privacy = replace(settings.privacy, epsilon=min(max(epsilon, 0.01), 50.0))
    with TemporaryDirectory() as runs:
        if settings.start_from is not None:
            (Path(runs) / settings.start_from).symlink_to(Path(settings.runs, settings.start_from).absolute())
        chosen = replace(settings, runs=runs, name=f"e{epsilon:g}-{draw}", privacy=privacy)
        prepared = simulation.prepare(chosen, Path(runs) / chosen.name)
        for vault in prepared.vaults.values():
            vault._noise = noise
        if epsilon < 0:
            return score(prepared, prepared.run.progress.model), float("nan")
        outcome = prepared.rounds(Silent())
        region = settings.region.name
        noised = [row.value for row in outcome.rows if row.country == region and row.horizon == "all"]
        return score(prepared, outcome.model), noised[0]


def score(prepared: simulation.Simulation, model: Mapping[str, Array]) -> float:
    """Log-WIS in the test over all place-periods of all countries."""
    plan = prepared.run.federation.plan
    task = TASKS[plan.task.name]
    weights = {name: torch.from_numpy(np.array(value)) for name, value in model.items()}
    sums = []
    for vault in prepared.vaults.values():
        records = vault.records(plan)
        job = _job(plan, task, weights)
        output = sequential.forecast(job, weights, records.windows["test"], torch.device("cpu"))
        forecast = task.forecast(output, records.windows["test"])
        sums.append(records.evaluate("test", forecast)[next(iter(task.scores))])
    return float(next(iter(task.scores.values())).estimate(merge(sums)).value[-1])


def _job(plan: Any, task: Any, weights: Mapping[str, torch.Tensor]) -> Any:
    from federation.training.jobs import ClientHalf, Job

    return Job(
        country="",
        arm="federated",
        model=fresh(task, plan).model,
        loss=task.loss,
        start=weights,
        train=None,
        score=None,
        settings=plan.training,
        client=ClientHalf(),
        lr=0.0,
        seed=0,
    )


def bench(epsilons: Sequence[float], draws: int, settings: Settings) -> None:
    """Print a row an epsilon."""
    print(f"the model before the first round: {run(settings, -1, 0)[0]:.4f}")
    print("epsilon    log-WIS [least, most]      over no noise    region as released")
    base = None
    for epsilon in epsilons:
        done = [run(settings, epsilon, draw) for draw in range(draws if np.isfinite(epsilon) else 1)]
        values, noised = np.array(done).T
        base = values.mean() if base is None else base
        print(
            f"{epsilon:>7g}    {values.mean():.4f} [{values.min():.4f}, {values.max():.4f}]"
            f"    {100 * (values.mean() / base - 1):+6.1f} %          {noised.mean():.3f} (sd {noised.std():.3f})",
            flush=True,
        )


def main() -> None:
    """Exit code 1 for words that are no keys."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    words = dict(word.split("=", 1) for word in sys.argv[1:])
    epsilons = [float(each) for each in words.get("epsilons", "inf,8,4,2,1").split(",")]
    rest = [f"{key}={value}" for key, value in words.items() if key not in OWN]
    compose(
        "simulate", rest or ["recipe=dengue_noised"], Settings, partial(bench, epsilons, int(words.get("draws", "3")))
    )


if __name__ == "__main__":
    main()
