"""The faster way to train, chosen by trials: what suits eight skewed countries does not suit a thousand clinics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import torch

from federation.training import sequential
from federation.training.cohort import grouping
from federation.training.cohort.chunks import SMALL_CHUNK, ChunkPlan, chunks, steps_of
from federation.training.cohort.engine import Cohort
from federation.training.device import largest_chunk
from federation.training.jobs import Job, Result

STEPS = 3  # of every client in a trial; the first step of a chunk is dearer than the others
REPEATS = 2  # the faster counts, for other programs only ever slow a trial down
SIZES = (4, 8, 16, 32, 64, 128)  # clients in one step
ON_A_CARD = (*SIZES, 256, 512, 1024)  # which has room for more, and a step costs Python the same
MARGIN = 0.9  # of the sequential time: below it, vmapped steps are worth their plan


@dataclass(frozen=True, kw_only=True)
class PlanChoice:
    """A plan, and why: seconds a round of the largest group of jobs, as predicted from the trials, by size of chunk."""

    plan: ChunkPlan
    seconds: Mapping[int, float]  # 1: one client after another
    reason: str


class Trainer:
    """What a runtime calls every round. Without a plan, the first training round chooses one; keep it with the run."""

    def __init__(
        self,
        device: torch.device | None = None,
        plan: ChunkPlan | None = None,
        *,
        workers: int = 1,
        precision: str = "float32",
    ) -> None:
        self.plan, self._device, self._workers, self._precision = plan, device, workers, precision
        self._engine: Cohort | None = None

    def __call__(self, jobs: Sequence[Job]) -> list[Result]:
        """Results in the order of the jobs."""
        if self.plan is None:
            if not any(job.train is not None and len(job.train) for job in jobs):
                return sequential.run(jobs, self._device, self._precision)
            plan = choose_plan(jobs, self._device, workers=self._workers).plan
            self.plan = replace(plan, precision=self._precision)
        if self._engine is None:
            self._engine = Cohort(self._device, self.plan)
        return self._engine(jobs)

    def end(self) -> None:
        """Leave no process behind."""
        if self._engine is not None:
            self._engine.end()


def choose_plan(jobs: Sequence[Job], device: torch.device | None = None, *, workers: int = 1) -> PlanChoice:
    """Time short trials of real jobs with chunks of several sizes, and predict a round.

    It takes about as long as a round of a hundred clients. The plan belongs into the run's checkpoint: tried again, it
    may come out differently, and numbers would be added in another order. workers: most processes.
    """
    device = device or torch.device("cpu")
    training = [job for job in jobs if job.train is not None and len(job.train)]
    if len(training) <= SMALL_CHUNK:
        plan = ChunkPlan(chunk=1, workers=workers)
        return PlanChoice(plan=plan, seconds={}, reason=f"{len(training)} jobs: nothing to do at once")
    group = [training[place] for place in max(grouping.groups(training), key=len)]
    if len(group) <= SMALL_CHUNK:
        plan = ChunkPlan(chunk=1, workers=workers)
        return PlanChoice(plan=plan, seconds={}, reason="no three jobs have the same structure")
    one_client, costs = _trials(group, device, workers)
    seconds = {1: one_client * sum(map(steps_of, group))}
    seconds |= {size: _predicted(group, size, {1: one_client, **costs}) for size in costs}
    processes, share = _worker_count(group, 1, workers, device)
    seconds[1] *= share
    one_by_one = ChunkPlan(chunk=1, workers=processes)
    if not costs:
        return PlanChoice(plan=one_by_one, seconds=seconds, reason="memory holds one client at a time")
    best = min(costs, key=lambda size: seconds[size])
    processes, share = _worker_count(group, best, workers, device)
    seconds[best] *= share
    if seconds[best] > MARGIN * seconds[1]:
        return PlanChoice(plan=one_by_one, seconds=seconds, reason="one client after another is as fast")
    plan = ChunkPlan(chunk=best, workers=processes)
    return PlanChoice(
        plan=plan, seconds=seconds, reason=f"{seconds[1] / seconds[best]:.1f} times as fast as one by one"
    )


def _trials(group: Sequence[Job], device: torch.device, workers: int) -> tuple[float, dict[int, float]]:
    """Seconds of a step of one client, and of a step by number of clients at once."""
    short = [_shortened(job) for job in group]
    sizes = SIZES if device.type == "cpu" else ON_A_CARD
    usual = short[: sizes[-1]]
    one_client = _seconds(lambda jobs: sequential.run(jobs, device), usual[:4], device) / sum(map(steps_of, usual[:4]))
    weights = sum(value.numel() * value.element_size() for value in group[0].start.values())
    limit = largest_chunk(weights, _record_bytes(group[0]), device) // workers  # so many may train at the same time
    costs: dict[int, float] = {}
    for size in sizes:
        if size > max(len(usual), sizes[0]) or size > limit:
            break
        some = [usual[number % len(usual)] for number in range(size)]
        costs[size] = _seconds(Cohort(device, ChunkPlan(chunk=size)), some, device) / max(map(steps_of, some))
        if len(costs) > 2 and costs[size] / size > 1.2 * min(cost / many for many, cost in costs.items()):
            break  # past the best size, larger stacks only leave the caches
    return one_client, costs


def _worker_count(group: Sequence[Job], size: int, most: int, device: torch.device) -> tuple[int, float]:
    """1 or `most`, whichever was faster on that many chunks, and its share of the time that one takes.

    A card runs one chunk after another anyway.
    """
    if most == 1 or device.type != "cpu" or len(group) < 2 * size:
        return 1, 1.0
    some = [_shortened(job) for job in group[: most * size]]
    engines = [Cohort(device, ChunkPlan(chunk=size, workers=workers)) for workers in (1, most)]
    for engine in (*engines, *engines):
        engine(some)  # processes are made once a run
    one, many = (_seconds(engine, some, device) for engine in engines)
    return (most, many / one) if many < MARGIN * one else (1, 1.0)


def _shortened(job: Job) -> Job:
    """A job of the same shapes that takes STEPS steps at most; a round's own records, so no other data are touched."""
    assert job.train is not None, "only jobs that train are tried"
    rows = min(len(job.train), STEPS * job.settings.batch_size)
    windows = job.train.take(np.arange(rows))
    settings = replace(job.settings, epochs=None, steps=min(STEPS, steps_of(job)))
    return replace(job, train=windows, score=None, settings=settings, client=replace(job.client, finish=None))


def _seconds(run: Callable[[Sequence[Job]], list[Result]], jobs: Sequence[Job], device: torch.device) -> float:
    run(jobs[: SMALL_CHUNK + 1])  # what happens once: kernels chosen, memory taken
    best = float("inf")
    for _ in range(REPEATS):
        began = perf_counter()
        run(jobs)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, perf_counter() - began)
    return best


def _predicted(group: Sequence[Job], size: int, costs: Mapping[int, float]) -> float:
    """Seconds of a round in chunks of this size: clients fall out of a chunk as they finish."""
    sizes = sorted(costs)
    total = 0.0
    for chunk in chunks(group, range(len(group)), size):
        steps = [steps_of(group[place]) for place in chunk]
        ends = [*steps[1:], 0]
        for clients, (own, following) in enumerate(zip(steps, ends, strict=True), start=1):
            cost = (
                clients * costs[1]
                if clients <= SMALL_CHUNK
                else float(np.interp(clients, sizes, [costs[s] for s in sizes]))
            )
            total += (own - following) * cost
    return total


def _record_bytes(job: Job) -> int:
    """A guess at the activations of one step: a hundred times what a batch holds."""
    assert job.train is not None, "only jobs that train are tried"
    inputs, target = job.train.batch(slice(0, 1))
    row = sum(values.nbytes for values in inputs.values()) + target.nbytes
    return 100 * row * min(len(job.train), job.settings.batch_size)
