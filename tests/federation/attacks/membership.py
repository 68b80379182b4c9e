"""Who was in the training records: by the loss of the released model, and by how updates change it.

In every country half of the places train; the other half, over the same years, are those that did not. Forecasts
remember records when training goes on for long on few of them, so the plan here does: what it tells of single updates
shows that the attack works.
Source: Yeom et al. (2018), https://arxiv.org/abs/1709.01604; over rounds, Zhang et al. (2022), https://arxiv.org/abs/2203.15696
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call, vmap

from federation.seals.fixed_point import Floats
from federation.seals.model import named, vector
from federation.settings.schema import TrainingSettings
from federation.training.jobs import Job, Result
from tasks.data import DenseWindows
from tasks.health.settings import HealthSettings
from tests.federation.attacks.figures import Figure
from tests.federation.attacks.region import Recorder, prepared, ran

ATTACK = "membership"
OVERFITTED = TrainingSettings(lr=3e-3, schedule="constant", epochs=40, weight_decay=0.0, batch_size=32)
COUNTRIES = ("KHM", "LAO", "MYS", "TLS")
FALSE = 0.01  # share of outsiders that are taken for members


@dataclass
class Halved(Recorder):
    """Trains on half of each country's places. jobs: country -> its job, with all places."""

    jobs: dict[str, Job] = field(default_factory=dict)

    def __call__(self, jobs: Sequence[Job]) -> list[Result]:
        """Of one round."""
        halved = []
        for job in jobs:
            if job.train is not None:
                assert isinstance(job.train, DenseWindows)
                self.jobs[job.country] = job
                job = replace(job, train=job.train.take(members(job.train)))
            halved.append(job)
        return super().__call__(halved)


def members(windows: DenseWindows) -> NDArray[np.bool_]:
    """(N,) of the places that train: every second one."""
    return np.asarray(windows.place % 2 == 0)


def membership(seed: int) -> Iterator[Figure]:
    """AUC, and share of members that are known, with 1 % of the others taken for some; means of the countries."""
    recorder = Halved()
    with TemporaryDirectory() as folder:
        task = HealthSettings(hidden=[64], dropout=0.0)
        ready = prepared(Path(folder), seed, countries=COUNTRIES, rounds=3, task=task, training=OVERFITTED)
        outcome = ran(ready, recorder).outcome
        shapes = dict(ready.run.progress.model)
    assert outcome is not None, "an honest run"
    starts = [*recorder.starts, vector(outcome.model)]
    for job in recorder.jobs.values():
        yield from rates("released model", "all", job, -losses(job, outcome.model))
        yield from rates("single updates", "open", job, trajectory(job, starts, recorder.updates, shapes))
        yield from rates("sums of updates", "sealed", job, trajectory(job, starts, None, shapes))


def trajectory(
    job: Job, starts: Sequence[Floats], updates: Sequence[Mapping[str, Floats]] | None, shapes: Mapping[str, Any]
) -> Floats:
    """(N,) by how much training lowers the loss, in all rounds. updates: of countries; None: there is only the mean."""
    total = np.zeros(len(job.train or ()))
    for round_, start in enumerate(starts[:-1]):
        end = starts[round_ + 1] if updates is None else start + updates[round_][job.country]
        total += losses(job, named(start, shapes)) - losses(job, named(end, shapes))
    return total


def losses(job: Job, weights: Mapping[str, NDArray[Any]]) -> Floats:
    """(N,) of every training window, members or not."""
    assert job.train is not None, "it trains"
    inputs, target = job.train.batch(slice(None))
    read = {name: torch.from_numpy(np.asarray(value)) for name, value in inputs.items()}
    with torch.no_grad():
        params = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
        output = functional_call(job.model, params, (read, None))
        each = vmap(lambda one, true: job.loss(one[None], true[None]))(output, torch.from_numpy(np.asarray(target)))
    return np.asarray(each, np.float64)


def rates(measure: str, under: str, job: Job, scores: Floats) -> Iterator[Figure]:
    """AUC, and share of members above the score that FALSE of the others exceed. scores: (N,), larger for members."""
    assert isinstance(job.train, DenseWindows)
    inside = members(job.train)
    known, unknown = scores[inside], np.sort(scores[~inside])
    below = (np.searchsorted(unknown, known, "left") + np.searchsorted(unknown, known, "right")) / 2
    surely = float((known > np.quantile(unknown, 1 - FALSE)).mean())
    for what, value in (("AUC", float(below.mean() / len(unknown))), ("share known at 1 % false", surely)):
        yield Figure(attack=ATTACK, measure=f"{measure}: {what}", under=under, value=value)
