"""Which trainer a simulation uses. Numbers added in another order end in other last digits, so a run keeps its plan."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import torch

from federation.training.cohort.autotune import Trainer
from federation.training.cohort.chunks import ChunkPlan
from federation.training.jobs import Job, Result
from federation.vault.round import Train
from tasks.files.atomic import write_atomically

FILE = "engine.json"
FIXED = {
    "sequential": {"cpu": ChunkPlan(chunk=1), "cuda": ChunkPlan(chunk=1)},
    "cohort": {"cpu": ChunkPlan(chunk=32), "cuda": ChunkPlan(chunk=256)},
    "compiled": {"cpu": ChunkPlan(chunk=16, compiled=True), "cuda": ChunkPlan(chunk=128, compiled=True)},
}


@contextmanager
def trainer(engine: str, folder: Path, device: torch.device, precision: str = "float32") -> Iterator[Train]:
    """sequential, cohort or compiled (a fixed plan), or auto: the plan this run measured first, or measures now.

    On CPUs every plan is spread over processes, one a core. Their number does not change a bit, so that a run may go on
    where there are fewer of them. They end with the block.
    """
    path, cores, plan = folder / FILE, _cores() if device.type == "cpu" else 1, None
    if engine in FIXED:
        plan = replace(FIXED[engine][device.type], workers=cores, precision=precision)
    elif path.exists():
        plan = ChunkPlan(**json.loads(path.read_text("utf-8")))
        plan = replace(plan, workers=min(plan.workers, cores))
    cohort = Trainer(device, plan, workers=cores, precision=precision)

    def train(jobs: Sequence[Job]) -> list[Result]:
        results = cohort(jobs)
        if engine not in FIXED and cohort.plan is not None and not path.exists():
            write_atomically(path, json.dumps(asdict(cohort.plan)).encode())  # before anything of the round leaves
        return results

    try:
        yield train
    finally:
        cohort.end()


def _cores() -> int:
    """That this process may use; a container's quota of time is not seen."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
