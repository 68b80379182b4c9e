"""Which trainer a simulation uses. Numbers added in another order end in other last digits, so a run keeps its plan."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch

from federation.training import sequential
from federation.training.choice import Trainer
from federation.training.chunks import ChunkPlan
from federation.training.jobs import Job, Result
from federation.vault.serving import Train
from tasks.atomic import write_atomically

FILE = "engine.json"
FIXED = {
    "cohort": {"cpu": ChunkPlan(chunk=32), "cuda": ChunkPlan(chunk=256)},
    "compiled": {"cpu": ChunkPlan(chunk=16, compiled=True), "cuda": ChunkPlan(chunk=128, compiled=True)},
}


def trainer(engine: str, folder: Path, device: torch.device, precision: str = "float32") -> Train:
    """sequential, cohort or compiled (a fixed plan), or auto: the plan this run measured first, or measures now.

    Workers do not change a bit, so that a run may go on where there are fewer of them.
    """
    cores = (os.cpu_count() or 1) if device.type == "cpu" else 1
    if engine == "sequential":
        return partial(sequential.run, device=device, precision=precision)
    if engine in FIXED:
        plan = FIXED[engine][device.type]
        return Trainer(device, replace(plan, workers=cores, precision=precision))
    path = folder / FILE
    if path.exists():
        return Trainer(device, ChunkPlan(**json.loads(path.read_text("utf-8"))))
    measuring = Trainer(device, workers=cores, precision=precision)

    def first(jobs: Sequence[Job]) -> list[Result]:
        results = measuring(jobs)
        if measuring.plan is not None and not path.exists():
            write_atomically(path, json.dumps(asdict(measuring.plan)).encode())  # before anything of the round leaves
        return results

    return first
