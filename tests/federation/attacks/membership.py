"""Who was in the training records: by the loss of the released model, also against that of reference models, and by how
updates change it.

In every country half of the places train; the other half, over the same years, are those that did not. Forecasts
remember records when training goes on for long on few of them, so the plan here does: what it tells of single updates
shows that the attack works.
Sources: Yeom et al. (2018), https://arxiv.org/abs/1709.01604; reference models, offline, Zarifzadeh et al. (2024),
https://arxiv.org/abs/2312.03262; over rounds, Zhang et al. (2022), https://arxiv.org/abs/2203.15696
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call, vmap

from federation.runs.simulation import Simulation
from federation.seals.fixed_point import Floats
from federation.seals.model import named, vector
from federation.settings.parts import PrivacySettings, TrainingSettings
from federation.settings.plan import NOISED, SEALED
from federation.training.jobs import Job, Result
from tasks.data import DenseWindows
from tasks.health.settings import HealthSettings
from tests.federation.attacks.figures import Figure
from tests.federation.attacks.region import Recorder, prepared, ran

ATTACK, NOISED_UNDER = "membership", "sealed + dp"
RELEASED, AGAINST, SUMS = "released model", "a model against reference models (RMIA)", "sums of updates"
OVERFITTED = TrainingSettings(lr=3e-3, schedule="constant", epochs=40, weight_decay=0.0, batch_size=32)
COUNTRIES = ("KHM", "LAO", "MYS", "TLS")
FALSE = 0.01  # share of outsiders that are taken for members
REFERENCES, DISTANCE = 2, 0.3  # models of other records; how far from them a model that saw a record is taken to be
NOISED_RUN: dict[str, Any] = {
    "protection": f"{SEALED}+{NOISED}",
    "privacy": PrivacySettings(epsilon=8.0),
    "rounds": 20,
}
Weights = Mapping[str, NDArray[Any]]


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
    """AUC, and share of members that are known, with 1 % of the others taken for some; of every country."""
    recorder = Halved()
    first, last = trained(seed, recorder)
    yield from of_updates(recorder, first, last)
    references = [trained(seed + 1000 * number, Halved())[1] for number in range(1, REFERENCES + 1)]
    before, noised = trained(seed, Halved(), **NOISED_RUN)
    for job in recorder.jobs.values():
        yield from rates(AGAINST, "sealed", job, rmia(job, last, references))
        yield from rates(AGAINST, NOISED_UNDER, job, rmia(job, noised, references))
        yield from rates(RELEASED, NOISED_UNDER, job, -losses(job, noised))
        yield from rates(SUMS, NOISED_UNDER, job, trajectory(job, [vector(before), vector(noised)], None, before))


def of_updates(recorder: Halved, first: Weights, last: Weights) -> Iterator[Figure]:
    """What models of one run tell. Of a country's model, those of the other countries are the reference."""
    starts = [*recorder.starts, vector(last)]
    after = {country: named(starts[-2] + update, first) for country, update in recorder.updates[-1].items()}
    for country, job in recorder.jobs.items():
        others = [weights for other, weights in after.items() if other != country]
        yield from rates(RELEASED, "all", job, -losses(job, last))
        yield from rates(AGAINST, "open", job, rmia(job, after[country], others))
        yield from rates("single updates", "open", job, trajectory(job, starts, recorder.updates, first))
        yield from rates(SUMS, "sealed", job, trajectory(job, starts, None, first))


def trained(seed: int, recorder: Halved, **chosen: Any) -> tuple[Weights, Weights]:
    """The first and the last model of a run on half of the places of a seed's records."""
    with TemporaryDirectory() as folder:
        task = HealthSettings(hidden=[64], dropout=0.0, statistics="place")
        values: dict[str, Any] = {"rounds": 3, "task": task, "training": OVERFITTED, "countries": COUNTRIES}
        ready = prepared(Path(folder), seed, **(values | chosen))
        with halved_records(ready) if chosen else nullcontext():
            outcome = ran(ready, recorder).outcome
        first = dict(ready.run.progress.model)
    assert outcome is not None, "an honest run"
    return first, outcome.model


@contextmanager
def halved_records(ready: Simulation) -> Iterator[None]:
    """Under differential privacy a vault sums gradients itself, of all the places that it has: here of half."""
    vaults = list(ready.vaults.values())
    for vault in vaults:
        records = vault.records(ready.run.federation.plan)
        train = records.windows["train"]
        assert isinstance(train, DenseWindows)
        half = replace(records, windows={**records.windows, "train": train.take(members(train))})
        vault.records = lambda plan, half=half: half  # type: ignore[method-assign, misc]  # noqa: ARG005
    yield


def rmia(job: Job, model: Weights, references: Sequence[Weights]) -> Floats:
    """(N,) share of other records against which a record is likelier under the model than under models without it.

    The others are the country's windows of the validation years, of which no model learnt. A likelihood is exp(-loss),
    and offline that of a model in or out is (1 + a) / 2 times the reference models' without, plus (1 - a) / 2.
    """
    assert job.score is not None, "it is scored"
    own, others = (
        likelihood_ratio(replace(job, train=windows), model, references) for windows in (job.train, job.score)
    )
    return np.asarray((own[:, None] >= others[None]).mean(axis=1) + 1e-9 * np.argsort(np.argsort(own)))


def likelihood_ratio(job: Job, model: Weights, references: Sequence[Weights]) -> Floats:
    """(N,) under the model, over that of reference models if half of them had seen the record."""
    out = np.mean([np.exp(-losses(job, each)) for each in references], axis=0)
    return np.asarray(np.exp(-losses(job, model)) / ((1 + DISTANCE) / 2 * out + (1 - DISTANCE) / 2))


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
