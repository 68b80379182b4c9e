"""The cohort engine: many clients in one step. It gives the weights that the sequential trainer gives, only sooner."""

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from math import nan

import torch
from torch import Tensor

from federation.training import sequential
from federation.training.cohort import grouping, workers
from federation.training.cohort.batches import Batch, width
from federation.training.cohort.chunks import SMALL_CHUNK, ChunkPlan, chunks, steps_of
from federation.training.cohort.compiled import Compiled
from federation.training.cohort.device_cache import DeviceCache
from federation.training.cohort.forecasts import forecast_one, forecasts
from federation.training.cohort.stacked import Gradients, LossesAndGradients, Trained, eager, objective_of, train
from federation.training.cohort.workers import WorkerPool
from federation.training.device import autocast, matmul_precision
from federation.training.jobs import Array, Finished, Job, Result, Tensors
from tasks.models.batching import unbatched
from tasks.models.weights import with_constants_on

log = logging.getLogger(__name__)
FAILED = "a process that trained a part of the clients failed or hung; from now on one trains them all"
UNSENDABLE = (
    "one process trains all clients, which is slower, for the others cannot be sent the task's loss or the strategy's "
    "client half: %s. Write it as a function of a module, or a functools.partial of one, not as a lambda"
)

Score = Callable[[Sequence[Job], Mapping[int, Trained]], dict[int, Array]]


def run(jobs: Sequence[Job], device: torch.device | None = None, plan: ChunkPlan | None = None) -> list[Result]:
    """Score and train every job, many at a time. Results keep the order of the jobs; tensors come back on the CPU."""
    return Cohort(device, plan)(jobs)


class Cohort:
    """An engine for the rounds of a run: it keeps records on its device from round to round."""

    def __init__(self, device: torch.device | None = None, plan: ChunkPlan | None = None) -> None:
        self.plan = plan or ChunkPlan()
        self.device = device or torch.device("cpu")
        self._cache = DeviceCache(self.device)
        self._warned: set[str] = set()
        self._inspected: set[str] = set()
        self._compiled: dict[Hashable, Compiled] = {}  # compiling is dear: once a run
        self._trained_kinds: set[Hashable] = set()  # kinds of jobs and shapes of steps
        self._pool = WorkerPool(self.plan.workers if self.device.type == "cpu" else 1)

    def __call__(self, jobs: Sequence[Job]) -> list[Result]:
        """Results in the order of the jobs."""
        if self.plan.chunk == 1 and self._pool.workers == 1:
            return sequential.run(jobs, self.device, self.plan.precision)
        with matmul_precision(self.plan.precision):
            trained = self._trained(jobs)
            score = self._scored if self.plan.chunk > 1 else self._scored_one_by_one
            outputs = score(jobs, trained)
            losses = self._start_losses(jobs, trained, score)
        return [
            replace(_result(job, outputs.get(place), trained.get(place)), start_loss=losses.get(place))
            for place, job in enumerate(jobs)
        ]

    def end(self) -> None:
        """Leave no process behind, before this engine itself is gone; a later call makes new ones."""
        self._pool.end()

    def _scored(self, jobs: Sequence[Job], trained: Mapping[int, Trained]) -> dict[int, Array]:
        outputs: dict[int, Array] = {}
        late = {place: done.params for place, done in trained.items() if jobs[place].score_trained}
        weights: dict[int, Tensors] = {place: late.get(place, job.start) for place, job in enumerate(jobs)}
        for own in _groups(jobs, [place for place, job in enumerate(jobs) if job.score is not None]):
            try:
                with autocast(self.plan.precision, self.device):
                    outputs |= forecasts(jobs, own, weights, self._cache, self.plan.chunk)
            except Exception as error:  # whatever a model cannot do under vmap; a fault is raised by plain torch too
                self._warn_unbatched(jobs[own[0]], error)
                outputs |= {place: forecast_one(jobs[place], weights[place], self._cache) for place in own}
        return outputs

    def _scored_one_by_one(self, jobs: Sequence[Job], trained: Mapping[int, Trained]) -> dict[int, Array]:
        """To the bit what the sequential trainer forecasts: rows of several clients in one product could differ."""
        outputs: dict[int, Array] = {}
        for place, job in enumerate(jobs):
            if job.score is not None:
                weights = trained[place].params if job.score_trained and place in trained else job.start
                with autocast(self.plan.precision, self.device):
                    outputs[place] = forecast_one(job, weights, self._cache)
        return outputs

    def _start_losses(self, jobs: Sequence[Job], trained: Mapping[int, Trained], score: Score) -> dict[int, float]:
        """Of the jobs whose strategy needs it: the loss of the model that arrived."""
        places = [place for place in trained if jobs[place].client.start_loss]
        outputs = score([replace(jobs[place], score=jobs[place].train) for place in places], {})
        return {place: sequential.loss_of(jobs[place], outputs[number]) for number, place in enumerate(places)}

    def _trained(self, jobs: Sequence[Job]) -> dict[int, Trained]:
        places = [place for place, job in enumerate(jobs) if job.train is not None and len(job.train)]
        size, whole = self.plan.chunk, self.plan.compiled
        if size == 1:  # the longest first, so that workers end together
            cut = [[place] for place in sorted(places, key=lambda place: -steps_of(jobs[place]))]
        else:
            cut = [chunk for group in _groups(jobs, places) for chunk in chunks(jobs, group, size, whole=whole)]
        done = self._train_chunks([[jobs[place] for place in chunk] for chunk in cut])
        return {
            p: trained for chunk, many in zip(cut, done, strict=True) for p, trained in zip(chunk, many, strict=True)
        }

    def _train_chunks(self, cut: Sequence[Sequence[Job]]) -> list[list[Trained]]:
        """New kinds of chunks train in this process, which keeps their compiled steps; known kinds in all processes."""
        if self._pool.workers == 1 or len(cut) == 1 or not workers.can_fork():
            return [self._train_chunk(jobs) for jobs in cut]
        done: list[list[Trained] | None] = [None] * len(cut)
        for place, jobs in enumerate(cut if self.plan.chunk > 1 else ()):
            shape = grouping.group_key(jobs[0]), len(jobs) == self.plan.chunk, width(jobs)
            if shape not in self._trained_kinds:
                self._pool.end()  # its workers lack the compiled steps
                done[place] = self._train_chunk(jobs)
                self._trained_kinds.add(shape)
        rest = [place for place, many in enumerate(done) if many is None]
        for place, many in zip(rest, self._pool.train([cut[place] for place in rest], self._train_chunk), strict=True):
            done[place] = many
        if any(many is None for many in done):
            log.warning(*(UNSENDABLE, self._pool.unsendable) if self._pool.unsendable else (FAILED,))
            self._pool.end()
            self._pool = WorkerPool(1)
        return [self._train_chunk(jobs) if many is None else many for jobs, many in zip(cut, done, strict=True)]

    def _train_chunk(self, jobs: Sequence[Job]) -> list[Trained]:
        if len(jobs) <= SMALL_CHUNK:
            return self._one_by_one(jobs)
        try:
            trained = train(jobs, self._cache, self._gradients(jobs[0]), full=self.plan.compiled)
            self._warn_if_slow(jobs[0])
            return trained
        except Exception as error:  # as above
            self._warn_unbatched(jobs[0], error)
            return self._one_by_one(jobs)

    def _gradients(self, job: Job) -> Gradients:
        """Compiled for whole chunks, if the plan says so; fewer clients, as at a ragged end, train eagerly."""
        context = partial(autocast, self.plan.precision, self.device)
        eager_gradients = cache(lambda: eager(job, objective_of(job, self.device), context))
        if not self.plan.compiled or job.settings.clip_example is not None:
            return eager_gradients()
        kind = grouping.group_key(job)
        if kind not in self._compiled:
            self._compiled[kind] = Compiled(job, objective_of(job, self.device), context)
        compiled = self._compiled[kind]

        def gradients(leaves: dict[str, Tensor], batch: Batch, start: Tensors) -> LossesAndGradients:
            result = compiled(leaves, batch, start, job.lr) if len(batch.sizes) == self.plan.chunk else None
            return eager_gradients()(leaves, batch, start) if result is None else result

        return gradients

    def _one_by_one(self, jobs: Sequence[Job]) -> list[Trained]:
        plain = [replace(job, score=None, client=replace(job.client, finish=None, start_loss=False)) for job in jobs]
        results = sequential.run(plain, self.device, self.plan.precision)
        return [Trained(params=dict(r.params or {}), loss=r.loss, steps=r.steps) for r in results]

    def _warn_unbatched(self, job: Job, error: Exception) -> None:
        """Once for a model, on the log: which layer it is, and what to use instead, where that is known."""
        name = type(job.model).__name__
        if name not in self._warned:
            self._warned.add(name)
            why = "; ".join(unbatched(job.model)) or " ".join(str(error).split())[:200]
            log.warning("%s cannot be trained many at a time, so it is trained one by one: %s", name, why)

    def _warn_if_slow(self, job: Job) -> None:
        """Once for a model that trains many at a time, but loops over the clients in some layer."""
        name = type(job.model).__name__
        if job.train is None or name in self._inspected:
            return
        self._inspected.add(name)
        model = with_constants_on(job.model, torch.device("cpu"))
        dtype = next((value.dtype for value in model.parameters()), torch.float32)
        first = {each: torch.from_numpy(values).to(dtype) for each, values in job.train.batch(slice(0, 1))[0].items()}
        lines = unbatched(model, first)
        if lines and name not in self._warned:
            self._warned.add(name)
            log.warning("%s is slow to train many at a time: %s", name, "; ".join(lines))


def _groups(jobs: Sequence[Job], places: Sequence[int]) -> list[list[int]]:
    return [[places[number] for number in group] for group in grouping.groups([jobs[place] for place in places])]


def _result(job: Job, output: Array | None, trained: Trained | None) -> Result:
    if trained is None:
        return Result(job=job, params=None, output=output, loss=nan, steps=0, finished=Finished(memory=job.memory))
    finished = Finished()
    if job.client.finish is not None:
        finished = job.client.finish(job.start, trained.params, trained.steps * job.lr, job.shared, job.memory)
    return Result(
        job=job, params=trained.params, output=output, loss=trained.loss, steps=trained.steps, finished=finished
    )
