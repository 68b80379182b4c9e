"""The local arm: what a country learns alone. It ends as the federated one does, with the mean of its best rounds.

A country that would train alone would also stop in time; a local arm that overfits hands the federation a false win.
Memory of a model: `last/NAME`, the weights as last trained; `value.RANK` and `best.RANK/NAME`, the best rounds so far.
"""

import math

import torch

from federation.settings.schema import Plan
from federation.training.jobs import Result, Tensors, seed_of
from tasks.evaluation.scores import Sums
from tasks.models.weights import built, trainable
from tasks.task import Task

Memory = dict[str, torch.Tensor]
TWIN = "twin"  # a second local model; it is scored by nobody, but a pair of them mixes as many as an adapted forecast


def twin(task: Task, plan: Plan) -> Memory:
    """The first weights of a second local model: other ones, the same for every run of this plan."""
    return trainable(built(task, plan.task, seed_of(plan.seed, TWIN) % 2**31))


def memory_after(memory: Tensors, result: Result, sums: Sums, task: Task, plan: Plan) -> Memory:
    """What to keep after a round. sums: validation scores of the model that the round started from."""
    last = result.params or result.job.start
    best = evaluated(memory, result.job.start, sums, task, plan)
    return {f"last/{name}": tensor for name, tensor in last.items()} | best


def evaluated(memory: Tensors, weights: Tensors, sums: Sums, task: Task, plan: Plan) -> Memory:
    """The best `keep_best` local models by the country's own validation, these weights among the candidates."""
    score = next(iter(task.scores.values()))
    value = float(score.estimate(sums).value[-1])
    candidates = [(float(memory[f"value.{rank}"]), under_prefix(f"best.{rank}", memory)) for rank in _ranks(memory)]
    if plan.keep_best and math.isfinite(value):
        candidates.append((-value if score.better == "larger" else value, dict(weights)))
        candidates.sort(key=lambda candidate: candidate[0])  # stable: of equals, the earlier stays first
    kept: Memory = {}
    for rank, (each, model) in enumerate(candidates[: plan.keep_best]):
        kept |= {f"value.{rank}": torch.tensor(each, dtype=torch.float64)}
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
