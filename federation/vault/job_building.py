"""The jobs of a request: the federated model's, the country's own models', and in the test the personalised one's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from federation.composition.restore import own_model_plan
from federation.settings.plan import CHAMPION, Plan
from federation.strategies.strategy import public
from federation.training.jobs import ClientHalf, Job, Result, Tensors, rate_of, seed_of
from federation.vault import scoring
from federation.vault.own_models import local_model
from federation.vault.own_models.local_model import under_prefix
from federation.vault.records import Records
from federation.vault.requests import Request, fresh


@dataclass(frozen=True, kw_only=True)
class Country:
    """One country in one request. memory: as it stood before the round. learns: whether its records train models."""

    code: str
    records: Records
    memory: Tensors
    learns: bool


def jobs(request: Request, country: Country) -> tuple[Job, ...]:
    """All models that this request trains or scores here."""
    plan = request.plan
    private = {name: country.memory.get(f"private/{name}", value) for name, value in request.fresh.weights.items()}
    arrived = private | dict(request.weights)
    model = request.fresh.model
    federated = replace(
        _job(request, country, plan, model, "federated", arrived),
        client=request.strategy.client(plan.strategy),
        shared=request.shared,
        memory=under_prefix("strategy", country.memory) or dict(request.strategy.memory(request.weights)),
    )
    champion = (_job(request, country, plan, model, CHAMPION, request.champion),) if request.champion else ()
    personalised = "personalised" in plan.arms and request.kind == "test"
    last = (_job(request, country, plan, model, "personalised", arrived),) if personalised else ()
    return (federated, *_own_jobs(request, country), *last, *champion)


def own_arms(plan: Plan, *, learns: bool) -> tuple[str, ...]:
    """Models that a country trains alone; none where it has too little to learn from, or is held out."""
    if "local" not in plan.arms or not learns:
        return ()
    return ("local", local_model.TWIN) if "local_pair" in plan.arms else ("local",)


def memory_after(federated: Result, plan: Plan, scale: float) -> dict[str, torch.Tensor]:
    """What the country keeps of the federated model: the strategy's memory, and weights that do not travel.

    scale: by which the gate shrank what it released; the strategy's memory moves by the same share.
    """
    before, after = federated.job.memory, federated.finished.memory
    if scale < 1.0:
        after = {name: before[name] + scale * (value - before[name]) for name, value in after.items()}
    weights = federated.params or federated.job.start
    travelling = public(weights, plan.strategy.private)
    private = {f"private/{name}": value for name, value in weights.items() if name not in travelling}
    return {f"strategy/{name}": value for name, value in after.items()} | private


def _own_jobs(request: Request, country: Country) -> list[Job]:
    """Of the country's own models, which follow its own plan where `local` of the run's plan says so."""
    plan = own_model_plan(request.plan, country.code)
    structure = request.fresh if plan is request.plan else fresh(request.task, plan)
    own: list[Job] = []
    for arm in own_arms(request.plan, learns=country.learns):
        memory = under_prefix(arm, country.memory)
        drawn: Mapping[str, torch.Tensor] = (
            structure.weights if arm == "local" else local_model.twin(request.task, plan)
        )
        first = {**drawn, **request.initial}
        last = under_prefix("last", memory) or first
        start = local_model.final(memory, last) if request.kind == "test" else last
        own.append(_job(request, country, plan, structure.model, arm, start))
    return own


def _job(request: Request, country: Country, plan: Plan, model: torch.nn.Module, arm: str, start: Tensors) -> Job:
    """plan: the run's, or the country's own."""
    tuned = arm == "personalised"
    training = plan.training
    if tuned:
        training = replace(training, epochs=plan.tuning.epochs, steps=None, lr=plan.tuning.lr, schedule="constant")
    trains = (request.kind == "train" or tuned) and country.learns and arm != CHAMPION
    return Job(
        country=country.code,
        arm=arm,
        model=model,
        loss=request.task.loss,
        start=start,
        train=country.records.windows["train"] if trains else None,
        score=scoring.scored_windows(country.records, request.kind),
        settings=training,
        client=ClientHalf(),
        lr=rate_of(training, request.round, plan.rounds),
        seed=seed_of(plan.seed, country.code, request.round, arm),
        score_trained=tuned,
    )
