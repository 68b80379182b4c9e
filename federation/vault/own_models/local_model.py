"""The local arm: what a country learns alone. It ends as the federated one does, with the mean of its best rounds.

A country that would train alone would also stop in time; a local arm that overfits hands the federation a false win.
Memory of a model: `last/NAME`, the weights as last trained; `value.RANK`, `round.RANK` and `best.RANK/NAME`, the best
rounds so far. Of a refit these are the rounds that its fold chose.
"""

import math
from collections.abc import Collection, Mapping, Sequence

import torch

from federation.settings.plan import Plan
from federation.training.jobs import Result, Tensors, seed_of
from tasks.evaluation.score import Sums
from tasks.models.weights import built, trainable
from tasks.task import Task

Memory = dict[str, torch.Tensor]
FINAL = "final/"  # of a country's memory of a test
TWIN = "twin"  # a second local model; it is scored by nobody, but a pair of them mixes as many as an adapted forecast


def twin(task: Task, plan: Plan) -> Memory:
    """The first weights of a second local model: other ones, the same for every run of this plan."""
    return trainable(built(task, plan.task, seed_of(plan.seed, TWIN) % 2**31))


def last_trained(result: Result) -> Memory:
    """What training made of a model, or the model as it came."""
    return {f"last/{name}": tensor for name, tensor in (result.params or result.job.start).items()}


def evaluated(memory: Tensors, weights: Tensors, sums: Sums, task: Task, plan: Plan, round_: int) -> Memory:
    """The best `keep_best` local models by the country's own validation, these weights among the candidates.

    sums: their validation scores. round_: of the request that scored them.
    """
    score = next(iter(task.scores.values()))
    value = float(score.estimate(sums).value[-1])
    candidates = _candidates(memory)
    if plan.keep_best and math.isfinite(value):
        candidates.append((-value if score.better == "larger" else value, round_, dict(weights)))
        candidates.sort(key=lambda candidate: candidate[0])  # stable: of equals, the earlier stays first
    return _kept(candidates[: plan.keep_best])


def chosen(memory: Tensors, weights: Tensors, rounds: Collection[int], round_: int) -> Memory:
    """The local models of the rounds that were chosen before this run began, these weights among them if it is one."""
    return _kept([*_candidates(memory), *([(0.0, round_, dict(weights))] if round_ in rounds else [])])


def averaged(memory: Tensors) -> tuple[int, ...]:
    """Numbers of the requests that brought the models of the final mean."""
    return tuple(sorted(int(memory[f"round.{rank}"]) for rank in _ranks(memory)))


def final_models(by_arm: Mapping[str, Result]) -> Memory:
    """What a run ends with in a country: `final/ARM/NAME`, each as it was tested there."""
    return {
        f"{FINAL}{arm}/{name}": tensor
        for arm, result in by_arm.items()
        for name, tensor in (result.params or result.job.start).items()
    }


def _candidates(memory: Tensors) -> list[tuple[float, int, Memory]]:
    return [
        (float(memory[f"value.{rank}"]), int(memory[f"round.{rank}"]), under_prefix(f"best.{rank}", memory))
        for rank in _ranks(memory)
    ]


def _kept(candidates: Sequence[tuple[float, int, Memory]]) -> Memory:
    kept: Memory = {}
    for rank, (value, round_, model) in enumerate(candidates):
        kept |= {f"value.{rank}": torch.tensor(value, dtype=torch.float64), f"round.{rank}": torch.tensor(round_)}
        kept |= {f"best.{rank}/{name}": tensor for name, tensor in model.items()}
    return kept


def final(memory: Tensors, last: Tensors) -> Tensors:
    """The mean of the best models, or the last one if none was evaluated."""
    models = [under_prefix(f"best.{rank}", memory) for rank in _ranks(memory)]
    if not models:
        return last
    return {
        name: torch.stack([model[name].double() for model in models]).mean(0).to(value.dtype)
        for name, value in last.items()
    }


def under_prefix(prefix: str, memory: Tensors) -> Memory:
    """The part of a memory under `prefix/`, without the prefix."""
    start = f"{prefix}/"
    return {name.removeprefix(start): value for name, value in memory.items() if name.startswith(start)}


def _ranks(memory: Tensors) -> list[int]:
    return sorted(int(name.removeprefix("value.")) for name in memory if name.startswith("value."))
