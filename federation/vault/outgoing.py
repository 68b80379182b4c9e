"""A reply before the gate, and the contract of what may leave: from the task and strategy installed in the country."""

from collections.abc import Mapping
from typing import Any

from federation.settings.plan import ADAPTED, CHAMPION, ISSUED, compared
from federation.strategies.strategy import public
from federation.training.jobs import Job, Result, seed_of
from federation.vault.gate import Contract, Outgoing, ScoreName
from federation.vault.own_models import differences, local_model
from federation.vault.records import Records, evaluated_parts
from federation.vault.requests import Request, numpy_of
from tasks.evaluation.paired_difference import NAMES
from tasks.evaluation.score import FinalScore, HistogramScore, Sums
from tasks.places.facilities import is_facility

REPLIES = {"train": "update", "validate": "scores", "test": "scores"}  # kind of a request -> of its reply


def outgoing(request: Request, records: Records, federated: Result, scores: Mapping[ScoreName, Sums]) -> Outgoing:
    """The reply, as far as the gate lets it leave. scores: of all arms; the second local model's stay here."""
    arrays: dict[str, Any] = {}
    if request.kind == "train" and federated.params is not None:
        travelling = public(federated.params, request.plan.strategy.private)
        arrays = {f"update/{name}": (new - federated.job.start[name]).numpy() for name, new in travelling.items()}
        arrays |= {f"shared/{name}": value.numpy() for name, value in federated.finished.released.items()}
    trained = federated.params is not None
    header: dict[str, Any] = {
        "country": federated.job.country,
        "run": request.run,
        "round": request.round,
        "examples": records.cohort() if trained else 0,
        "steps": federated.steps,
        "loss": federated.loss if trained else 0.0,
        "fingerprint": records.fingerprint,
    }
    if federated.start_loss is not None:
        header["start_loss"] = federated.start_loss
    leaving = {name: sums for name, sums in scores.items() if name[1] != local_model.TWIN}
    return Outgoing(
        kind=REPLIES[request.kind], header=header, arrays=arrays, scores=leaving, last=request.kind == "test"
    )


def contract(request: Request, job: Job, records: Records) -> Contract:
    """What may leave. job: the federated model's."""
    task, plan = request.task, request.plan
    scores, differences = _scores(request, records), compared_scores(request, job.country)
    return Contract(
        arrays=contract_arrays(request, job) if request.kind == "train" else {},
        scores=scores | dict.fromkeys(differences, NAMES),
        horizons=len(task.horizons(plan.task)),
        histograms={
            name: plan.task.cost_loss for name, score in task.scores.items() if isinstance(score, HistogramScore)
        },
        magnitudes={name: task.scores[name[2]].magnitudes for name in scores},
        differences=differences,
        transport=plan.transport,
        seed=seed_of(plan.seed, job.country, request.round, "transport"),
        packages=plan.packages,
    )


def compared_scores(request: Request, country: str) -> dict[ScoreName, tuple[ScoreName, ScoreName]]:
    """Differences that leave with a test, of pairs such as 'adapted-local' -> the two scores whose difference it is.

    None of a facility, for the ends of intervals of several clients do not add up to their country's.
    """
    if request.kind != "test" or is_facility(country):
        return {}
    headline = next(iter(request.task.scores))
    return {
        difference_name(request, f"{arm}-{other}"): ((part, arm, headline), (part, other, headline))
        for arm, other in compared(request.plan, request.task.baselines)
        for part in (differences.part_of(other, request.plan),)
    }


def difference_name(request: Request, pair: str) -> ScoreName:
    """The headline score's difference of a pair of arms."""
    return differences.PART, pair, next(iter(request.task.scores))


def contract_arrays(request: Request, job: Job) -> dict[str, tuple[tuple[int, ...], str]]:
    """Name -> shape and dtype of the arrays of an update."""
    travelling = numpy_of(public(job.start, request.plan.strategy.private))
    groups = {"update": travelling, "shared": request.strategy.shared(travelling)}
    return {
        f"{group}/{name}": (value.shape, value.dtype.name)
        for group, values in groups.items()
        for name, value in values.items()
    }


def _scores(request: Request, records: Records) -> dict[ScoreName, tuple[str, ...]]:
    """Sums of every part and arm: of models in every round, of adapted arms and baselines with the test alone."""
    models = [arm for arm in request.plan.arms if arm not in (*ADAPTED, ISSUED)]
    arms = {"validation": models}
    if request.kind == "test":
        known = [*records.known["test"], *([CHAMPION] if request.plan.champion_part else [])]
        tested = [*request.plan.arms, *known]
        arms = {**dict.fromkeys(evaluated_parts(records.calendar), tested), "validation": [*models, *known]}
    return {
        (part, arm, name): score.names
        for part, leaving in arms.items()
        for arm in leaving
        for name, score in request.task.scores.items()
        if part != "validation" or not isinstance(score, FinalScore)
    }
