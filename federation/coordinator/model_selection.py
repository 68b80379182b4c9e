"""Which model a run ends with: the last, or the mean of the best rounds by validation. Test scores choose nothing."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from federation.coordinator.state import Arrays, Candidate, Progress
from federation.coordinator.validation import losses, rank
from federation.reporting.rows import Row
from federation.settings.plan import Plan
from federation.training.jobs import rounding_seed
from federation.wire.compression import packed, unpacked
from federation.wire.model import model_mean


def with_candidate(progress: Progress, rows: Sequence[Row], plan: Plan, region: str) -> Progress:
    """Progress with its model among the candidates, if it is of the best `keep_best` by the countries' own ranking.

    rows: of the validation. The losses of the first round that was scored are kept, for each country ranks by its own.
    """
    now = losses(rows, plan, region)
    progress = replace(progress, losses=now, first_losses=progress.first_losses or now)
    value = rank(progress.first_losses, now)
    if not plan.keep_best or value is None:
        return progress
    candidate = Candidate(round=progress.round, value=value, model=progress.model)
    ranked = sorted((*progress.best, candidate), key=lambda candidate: (candidate.value, candidate.round))
    return replace(progress, best=tuple(ranked[: plan.keep_best]))


def with_chosen(progress: Progress, averaged: Collection[int]) -> Progress:
    """Progress with its model among those of the final mean, if so many rounds were chosen before this run began."""
    if progress.round not in averaged:
        return progress
    return replace(progress, best=(*progress.best, Candidate(round=progress.round, value=0.0, model=progress.model)))


def candidates_as_sent(progress: Progress, plan: Plan) -> dict[int, Arrays]:
    """Round -> the candidate that went out with it, packed as it was then; in the order of rounds.

    A candidate of so many rounds went out with the request of the next one, for that is where it was scored.
    """
    ordered = sorted(progress.best, key=lambda candidate: candidate.round)
    return {each.round + 1: as_sent(each.model, plan, each.round + 1) for each in ordered}


def final_model(progress: Progress, plan: Plan) -> Arrays:
    """The model to test and to keep, as the countries have it: the mean of the candidates, or the last model."""
    sent = list(candidates_as_sent(progress, plan).values()) or [as_sent(progress.model, plan, plan.rounds + 2)]
    models = [unpacked(each, plan.transport) for each in sent]
    mean = model_mean(models) if progress.best else models[0]
    return {name: mean[f"model/{name}"] for name in progress.model}


def as_sent(model: Arrays, plan: Plan, round_: int) -> Arrays:
    """A model as it goes out with a round."""
    arrays = {f"model/{name}": value for name, value in model.items()}
    return packed(arrays, plan.transport, rounding_seed(plan.seed, round_))
