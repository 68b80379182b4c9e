"""Poisoned updates in a masked frame: what one hostile country of eight costs the others, and whether a run ends.

It sees no update but its own. Attacks that need those of others take three updates from random halves of its own
records for theirs. Its frame is one that an honest vault makes: held to BOUND and to its weight.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from federation.seals.fixed_point import Floats
from federation.seals.model import named
from federation.training import sequential
from federation.training.jobs import Job, Result
from federation.vault import plain_round
from federation.vault.plain_round import Computed
from federation.vault.requests import numpy_of
from federation.vault.vault import Vault
from tests.federation.attacks.figures import Figure
from tests.federation.attacks.hostile_frame import trusting
from tests.federation.attacks.region import Ran, prepared, ran, update_of
from tests.federation.coordinator.attacks import Attack, attacks

ATTACK, HOSTILE, ROUNDS = "poison", ("VNM", "PHL", "MYS"), 6
HALVES = 3
FORGED = ("claims 10^12", "claims 10^8", "forged scores")  # claims of a sealed run are orders of magnitude, capped


@dataclass
class Poisoned:
    """Trains as honest countries do, but for one."""

    attack: Attack
    country: str
    luck: np.random.Generator

    def __call__(self, jobs: Sequence[Job]) -> list[Result]:
        """Of one round."""
        return [self._one(job) for job in jobs]

    def _one(self, job: Job) -> Result:
        if job.country != self.country or job.train is None:
            return sequential.run([job])[0]
        poisoned = self.attack.records(job, self.luck) if self.attack.records is not None else job
        result = replace(sequential.run([poisoned])[0], job=job)
        if self.attack.update is None:
            return result
        change = self.attack.update(update_of(result), self._estimates(job), self.luck)
        start = numpy_of(job.start)
        arrays = named(change, start)
        return replace(result, params={name: torch.from_numpy(value + arrays[name]) for name, value in start.items()})

    def _estimates(self, job: Job) -> Floats:
        """(HALVES, D) updates of parts of its own records, for those of others."""
        assert job.train is not None, "it trains"
        found = []
        for _ in range(HALVES):
            half = self.luck.permutation(len(job.train))[: len(job.train) // 2]
            part = replace(job, train=job.train.take(np.sort(half)), score=None)
            found.append(update_of(sequential.run([part])[0]))
        return np.stack(found)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run. scores: country -> sum and count of log-WIS in the test, which no message holds; empty if it ended."""

    ran: Ran
    scores: dict[str, tuple[float, float]]

    def mean(self, hostile: str) -> float:
        """Over all place-periods of the others."""
        own = [value for country, value in self.scores.items() if country != hostile]
        return sum(total for total, _ in own) / sum(count for _, count in own)


def poison(seed: int, chosen: Sequence[str] = ()) -> Iterator[Figure]:
    """Every attack, in % over the same sealed run without one."""
    hostile = HOSTILE[(seed - 1) % len(HOSTILE)]
    honest = run(seed, Attack(), hostile)
    known = {name: attack for name, attack in attacks(int).items() if name not in FORGED}
    for name in chosen or known:
        case = run(seed, known[name], hostile)
        attack = f"{ATTACK}: {name}"
        left = {country for country, _ in case.ran.refusals} - {hostile}
        if case.scores:
            cost = 100 * (case.mean(hostile) / honest.mean(hostile) - 1)
            yield Figure(attack=attack, measure="cost to honest countries, %", under="sealed", value=cost)
        note = next(iter(case.ran.refusals.values()), "") if left else ""
        yield Figure(attack=attack, measure="countries that leave, of 7", under="sealed", value=len(left), note=note)
        yield Figure(attack=attack, measure=f"rounds closed, of {ROUNDS}", under="sealed", value=case.ran.reports)
        yield Figure(attack=attack, measure="rounds voted worse", under="sealed", value=case.ran.alarms)


def run(seed: int, attack: Attack, hostile: str) -> Case:
    """A sealed run in which one country attacks."""
    scores: dict[str, tuple[float, float]] = {}
    with TemporaryDirectory() as folder, watched(scores), trusting(hostile):
        ready = prepared(Path(folder), seed, template="sealed", rounds=ROUNDS, keep_best=3)
        return Case(ran=ran(ready, Poisoned(attack, hostile, np.random.default_rng(seed))), scores=scores)


@contextmanager
def watched(scores: dict[str, tuple[float, float]]) -> Iterator[None]:
    """Keeps what each country's vault knows of its own test."""
    honest = plain_round.computed

    def computed(vault: Vault, request: Any, results: Any, before: Any) -> Computed:
        made = honest(vault, request, results, before)
        sums = made.scores.get(("test", "federated", "log_wis"))
        if sums is not None:
            scores[vault.country] = (float(sums["sum"][-1]), float(sums["count"][-1]))
        return made

    with patch.object(plain_round, "computed", computed):
        yield
