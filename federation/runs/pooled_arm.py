"""The pooled arm: one model trained on the records of all countries together, which only a simulation holds.

It is trained as a country of its own would be: the same rounds, passes, learning rates and choice of the best rounds.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

from federation.coordinator import evaluation
from federation.coordinator.checks import ScoreName
from federation.policy.keys import Policy
from federation.reporting.rows import Row
from federation.settings.plan import POOLED, Plan
from federation.training import sequential
from federation.training.jobs import Array, ClientHalf, Job, Result, Tensors, rate_of, seed_of
from federation.vault.gate import reported
from federation.vault.own_models import local_model
from federation.vault.records import Records, evaluated_parts
from federation.vault.round import Train
from federation.vault.vault import Vault
from tasks.data import Part, Windows
from tasks.evaluation.score import HistogramScore, Sums, merge
from tasks.gathered_windows import joined
from tasks.models.weights import built, trainable
from tasks.registry import TASKS

NOTHING: Mapping[str, Any] = MappingProxyType({})


def rows(
    vaults: Sequence[Vault],
    plan: Plan,
    region: str,
    train: Train = sequential.run,
    first: Mapping[str, Array] = NOTHING,
) -> list[Row]:
    """Scores of the pooled model in all parts of the test, for every country and the region; none where none learns.

    first: weights of a file with which every arm begins; what is not among them is drawn by the seed.
    It learns from the countries a federation would learn from, and shows no score that a vault would withhold.
    """
    records = {vault.country: vault.records(plan) for vault in vaults}
    learning = [records[vault.country] for vault in vaults if vault.learns(plan)]
    if not learning:
        return []
    weights = _train_pooled(learning, plan, train, {name: torch.tensor(value) for name, value in first.items()})
    headline = next(iter(TASKS[plan.task.name].scores))
    pooled: list[Row] = []
    for part in evaluated_parts(plan.task.calendar)[1:]:
        scores: dict[str, dict[ScoreName, Sums]] = {}
        for vault in vaults:
            country_records = records[vault.country]
            outputs = {
                each: _run_job(plan, weights, plan.rounds, None, country_records.windows[each], train).output
                for each in ((part,) if TASKS[plan.task.name].calibrate is None else ("validation", part))
            }
            sums = as_reported(_evaluated(country_records, part, outputs, plan), plan, vault.policy)
            counts = sums[headline]["count"]
            if (counts[counts > 0] >= vault.policy.minimum_cohort).all() and counts.any():
                scores[vault.country] = {(part, POOLED, name): each for name, each in sums.items()}
        pooled += evaluation.rows(scores, plan, region, part)
    return pooled


def _train_pooled(
    learning: Sequence[Records], plan: Plan, train: Train = sequential.run, first: Tensors = NOTHING
) -> Tensors:
    """The mean of the best rounds by the validation years of all countries together."""
    task = TASKS[plan.task.name]
    known, past = (joined([each.windows[part] for each in learning]) for part in ("train", "validation"))
    weights: Tensors = {**trainable(built(task, plan.task, plan.seed)), **first}
    memory: local_model.Memory = {}
    for round_ in range(1, plan.rounds + 1):
        result = _run_job(plan, weights, round_, known, past, train)
        memory = local_model.evaluated(
            memory, weights, _validation_sums(learning, result.output, plan), task, plan, round_
        )
        weights = result.params or weights
    last = _run_job(plan, weights, plan.rounds, None, past, train)
    after = plan.rounds + 1
    memory = local_model.evaluated(memory, weights, _validation_sums(learning, last.output, plan), task, plan, after)
    return local_model.final(memory, weights)


def _run_job(plan: Plan, weights: Tensors, round_: int, known: Windows | None, score: Windows, train: Train) -> Result:
    task = TASKS[plan.task.name]
    job = Job(
        country=POOLED,
        arm=POOLED,
        model=built(task, plan.task, plan.seed),
        loss=task.loss,
        start=weights,
        train=known,
        score=score,
        settings=plan.training,
        client=ClientHalf(),
        lr=rate_of(plan.training, round_, plan.rounds),
        seed=seed_of(plan.seed, POOLED, round_),
    )
    return train([job])[0]


def _validation_sums(learning: Sequence[Records], output: Array | None, plan: Plan) -> Sums:
    """Headline sums of all countries, whose outputs follow one another."""
    assert output is not None, "every job here has windows to score"
    headline = next(iter(TASKS[plan.task.name].scores))
    parts, at = [], 0
    for records in learning:
        size = len(records.windows["validation"])
        parts.append(_evaluated(records, "validation", {"validation": output[at : at + size]}, plan)[headline])
        at += size
    return merge(parts)


def as_reported(sums: Mapping[str, Sums], plan: Plan, policy: Policy) -> dict[str, Sums]:
    """As the country's vault would report them, so that the pooled arm is no finer than the others."""
    scores = TASKS[plan.task.name].scores
    cuts = {name: plan.task.cost_loss for name, score in scores.items() if isinstance(score, HistogramScore)}
    return {
        name: reported(each, scores[name].names, scores[name].magnitudes, cuts.get(name), policy)
        for name, each in sums.items()
    }


def _evaluated(records: Records, part: Part, outputs: Mapping[Part, Array | None], plan: Plan) -> Mapping[str, Sums]:
    """outputs: of the part, and of the validation where the task calibrates the chances of events by it."""
    forecasts: dict[Part, Array] = {}
    for each, output in outputs.items():
        assert output is not None, "every job here has windows to score"
        forecasts[each] = TASKS[plan.task.name].forecast(output, records.windows[each])
    calibrated = part != "validation" and "validation" in forecasts
    return records.evaluate(part, forecasts[part], records.calibration(forecasts["validation"]) if calibrated else None)
