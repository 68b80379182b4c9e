"""A vault's reply under differential privacy: a noised update, or with the test one noised score, and nothing else.

In a run that is sealed too, these very numbers go into the masked frame: a country's noise is all its own, whatever the
others add to the sum.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from federation.errors import PolicyRefusal
from federation.policy.keys import Policy
from federation.privacy import mechanism
from federation.privacy.mechanism import Noise
from federation.training.jobs import Job, Result, seed_of
from federation.vault import gate, ledger, scoring
from federation.vault.gate import Contract, Outgoing, ScoreName
from federation.vault.noised import budget
from federation.vault.outgoing import REPLIES, contract_arrays
from federation.vault.records import Records
from federation.vault.requests import Request
from tasks.evaluation.score import Sums


@dataclass(frozen=True, kw_only=True)
class Noised:
    """A request under differential privacy. job: the federated model's; learns: whether its gradients are summed."""

    request: Request
    records: Records
    job: Job
    learns: bool


def charged_release(database: sqlite3.Connection, policy: Policy, noised: Noised, outgoing: Outgoing) -> bytes:
    """The frame that may leave, on the ledger with its charge. outgoing: of `charged`, in the same transaction."""
    data, entry = gate.release(outgoing, contract(noised), policy)
    seals = budget.seals(database, policy.country, noised.request.run, noised.request.round)
    ledger.enter(database, replace(entry, contents={**entry.contents, "charges": seals}))
    return data


def charged(
    database: sqlite3.Connection, policy: Policy, noised: Noised, federated: Result | None, noise: Noise
) -> Outgoing:
    """The noised numbers of one request, charged in one transaction of the caller's.

    federated: with the test, the model's result. Raises PolicyRefusal if the budget is spent, LedgerError.
    """
    request, plan = noised.request, noised.request.plan
    for charge in mechanism.charges_of(plan, request.kind, learns=noised.learns):
        budget.enter(database, policy, request.run, request.round, charge)
    if request.kind == "validate":  # of a sealed run, whose rounds are of one form: nothing is in it
        return Outgoing(kind=REPLIES[request.kind], header=_header(noised), noised=True)
    if federated is None:
        return _update(noised, noise)
    known = budget.spendings(database, policy.country)
    return _test(noised, federated, budget.spent(known, plan.privacy.delta, run=request.run), noise)


def jobs(request: Request, made: tuple[Job, ...]) -> tuple[Job, ...]:
    """Those of the country's own models, which stay at home, and with the test the federated one's.

    Raises PolicyRefusal for a request of scores that a run under differential privacy never makes.
    """
    if request.kind == "validate":
        raise PolicyRefusal(f"run {request.run} asks for validation scores, of which none leaves without noise")
    return made if request.kind == "test" else made[1:]


def _update(noised: Noised, noise: Noise) -> Outgoing:
    request, places = noised.request, places_of(noised.records)
    arrays = mechanism.noised_update(request.plan, request.round, noised.job, places, noise) if noised.learns else {}
    header = _header(noised) | {"examples": places if noised.learns else 0, "steps": int(noised.learns)}
    named = {f"update/{name}": value for name, value in arrays.items()}
    return Outgoing(kind=REPLIES["train"], header=header, arrays=named, noised=True)


def _test(noised: Noised, federated: Result, spent: float, noise: Noise) -> Outgoing:
    """spent: epsilon of the run with this reply, at the plan's delta."""
    scores = {_score_name(noised.request): _score(noised, federated, noise)}
    header = _header(noised) | {"examples": 0, "steps": 0, "epsilon": spent}
    return Outgoing(kind=REPLIES["test"], header=header, scores=scores, last=True, noised=True)


def _header(noised: Noised) -> dict[str, Any]:
    request = noised.request
    return {"country": noised.job.country, "run": request.run, "round": request.round}


def contract(noised: Noised) -> Contract:
    """What may leave."""
    request = noised.request
    score = next(iter(request.task.scores.values()))
    return Contract(
        arrays=contract_arrays(request, noised.job) if request.kind == "train" else {},
        scores={_score_name(request): score.names} if request.kind == "test" else {},
        horizons=len(request.task.horizons(request.plan.task)),
        transport=request.plan.transport,
        seed=seed_of(request.plan.seed, noised.job.country, request.round, "transport"),
        packages=request.plan.packages,
    )


def places_of(records: Records) -> int:
    """How many places the country has: a public number, of its list of places and not of what they report."""
    return len(records.windows["train"].places)


def _score_name(request: Request) -> ScoreName:
    return "test", "federated", next(iter(request.task.scores))


def _score(noised: Noised, federated: Result, noise: Noise) -> Sums:
    """The noised mean over places as sums of a mean: of all horizons alone, a place counting once."""
    request, settings, places = noised.request, noised.request.plan.privacy, places_of(noised.records)
    scores = place_scores(request, noised.records, federated)
    mean = mechanism.noised_score(scores, places, settings, noise)
    last = np.zeros(len(request.task.horizons(request.plan.task)) + 1)
    last[-1] = places
    variance = mechanism.score_variance(places, settings) * places
    return {"sum": mean * last, "count": last, "variance": variance * last}


def place_scores(request: Request, records: Records, federated: Result) -> Mapping[int, float]:
    """Place -> its mean headline score in the test over all horizons; of those with a window there."""
    output = scoring.split(federated, records, scoring.parts_of(request.kind, records))["test"]
    windows = records.windows["test"]
    evaluated = records.evaluated("test", request.task.forecast(output, windows))
    score = next(iter(request.task.scores.values()))
    rows = {int(place): windows.place == place for place in np.unique(windows.place)}
    return {place: float(score.estimate(score.sums(evaluated.take(own))).value[-1]) for place, own in rows.items()}
