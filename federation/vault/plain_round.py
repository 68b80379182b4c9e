"""What a vault makes of the results of one request: forecasts and scores of all arms, what may leave, what stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from federation.training import freed
from federation.training.jobs import Result, Tensors
from federation.vault import gate, job_building, outgoing, scoring
from federation.vault.gate import Contract, Outgoing, ScoreName
from federation.vault.own_models import choices, local_model
from federation.vault.own_models import differences as paired_differences
from federation.vault.own_models.choices import Choices
from federation.vault.records import Records
from federation.vault.requests import Request
from federation.vault.vault import Vault
from tasks.data import Part
from tasks.evaluation.paired_difference import Blocks, paired_interval
from tasks.evaluation.score import Sums


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What training and scoring of a request came to, before the gate. scores: of all arms, those that stay too."""

    request: Request
    by_arm: Mapping[str, Result]
    outgoing: Outgoing
    contract: Contract
    scores: Mapping[ScoreName, Sums]
    differences: Mapping[str, Blocks]
    choices: Choices


def own_models(
    vault: Vault, request: Request, results: Sequence[Result], before: Tensors
) -> tuple[dict[ScoreName, Sums], dict[str, torch.Tensor]]:
    """Scores of all arms, for the country's own eyes, and what it keeps of the models that it trains alone."""
    records, by_arm = vault.records(request.plan), {result.job.arm: result for result in results}
    chosen = _choices(vault, request, records, by_arm, before)
    scores: dict[ScoreName, Sums] = {}
    for part in scoring.parts_of(request.kind, records):
        scores |= _scored(request, records, by_arm, part, chosen, compares=False)[0]
    return scores, _own_memory(vault, request, by_arm, scores, chosen, before)


def computed(vault: Vault, request: Request, results: Sequence[Result], before: Tensors) -> Computed:
    """Forecasts and scores of a request, and what the gate is to let out of them. before: memory as it stood."""
    records = vault.records(request.plan)
    by_arm = {result.job.arm: result for result in results}
    federated = by_arm["federated"]
    chosen = _choices(vault, request, records, by_arm, before)
    compares = bool(outgoing.compared_scores(request, vault.country))
    scores: dict[ScoreName, Sums] = {}
    differences: dict[str, Blocks] = {}
    for part in scoring.parts_of(request.kind, records):
        of_part, paired = _scored(request, records, by_arm, part, chosen, compares=compares)
        scores, differences = scores | of_part, differences | paired
    intervals = {outgoing.difference_name(request, pair): paired_interval(each) for pair, each in differences.items()}
    return Computed(
        request=request,
        by_arm=by_arm,
        outgoing=outgoing.outgoing(request, records, federated, scores | intervals),
        contract=outgoing.contract(request, federated.job, records),
        scores=scores,
        differences=differences,
        choices=chosen,
    )


def _scored(
    request: Request,
    records: Records,
    by_arm: Mapping[str, Result],
    part: Part,
    chosen: Choices,
    *,
    compares: bool,
) -> tuple[dict[ScoreName, Sums], dict[str, Blocks]]:
    """Scores and differences of one part, whose forecasts are freed before those of the next are made."""
    freed.give_back()
    forecasts = scoring.forecasts(request, records, by_arm, part, chosen)
    scores = scoring.scores(records, part, forecasts, chosen)
    return scores, paired_differences.paired_blocks(records, part, forecasts, request.plan) if compares else {}


def _choices(
    vault: Vault, request: Request, records: Records, by_arm: Mapping[str, Result], before: Tensors
) -> Choices:
    """What a refit takes of its fold, and any other run chooses at its test."""
    of_fold = choices.of_fold(vault.database, vault.country, request.plan)
    if of_fold is not None:
        return of_fold
    if request.kind != "test":
        return Choices()
    own = job_building.own_arms(request.plan, learns=vault.learns(request.plan))
    rounds = {arm: local_model.averaged(local_model.under_prefix(arm, before)) for arm in own}
    return scoring.choices(request, records, by_arm, rounds, least=vault.policy.minimum_cohort)


def memory_after(vault: Vault, computed: Computed, memory: Tensors, scale: float) -> dict[str, torch.Tensor]:
    """What is kept of a round. memory: as it stood before. scale: by which the released update was made smaller."""
    kept = job_building.memory_after(computed.by_arm["federated"], computed.request.plan, scale)
    scores = computed.outgoing.scores
    compared = {
        pair: each.where(
            gate.compared_rows(
                outgoing.difference_name(computed.request, pair), scores, computed.contract, vault.policy
            )
        )
        for pair, each in computed.differences.items()
    }
    own = _own_memory(vault, computed.request, computed.by_arm, computed.scores, computed.choices, memory)
    return kept | paired_differences.blocks_to_memory(compared) | own


def _own_memory(
    vault: Vault,
    request: Request,
    by_arm: Mapping[str, Result],
    scores: Mapping[ScoreName, Sums],
    chosen: Choices,
    before_round: Tensors,
) -> dict[str, torch.Tensor]:
    """Of the models that the country trains alone; of the test, all its final models and what it chose."""
    if request.kind == "test":
        return choices.to_memory(chosen, request.plan) | local_model.final_models(by_arm)
    memory: dict[str, torch.Tensor] = {}
    for arm in job_building.own_arms(request.plan, learns=vault.learns(request.plan)):
        before, weights = local_model.under_prefix(arm, before_round), by_arm[arm].job.start
        if request.plan.fold:
            best = local_model.chosen(before, weights, chosen.rounds.get(arm, ()), request.round)
        else:
            sums = scores["validation", arm, next(iter(request.task.scores))]
            best = local_model.evaluated(before, weights, sums, request.task, request.plan, request.round)
        after = local_model.last_trained(by_arm[arm]) | best
        memory |= {f"{arm}/{name}": value for name, value in after.items()}
    return memory
