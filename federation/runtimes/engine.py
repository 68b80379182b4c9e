"""Which trainer a simulation uses. Numbers added in another order end in other last digits, so a run keeps its plan."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from federation.training import sequential
from federation.training.choice import Trainer
from federation.training.chunks import ChunkPlan
from federation.training.jobs import Job, Result
from federation.vault.serving import Train
from tasks.atomic import write_atomically

FILE = "engine.json"
FIXED = ChunkPlan(chunk=32)


def trainer(engine: str, folder: Path) -> Train:
    """sequential, cohort (a fixed plan), or auto: the plan this run measured when it began, or measures now."""
    if engine == "sequential":
        return sequential.run
    if engine == "cohort":
        return Trainer(plan=FIXED)
    path = folder / FILE
    if path.exists():
        return Trainer(plan=ChunkPlan(**json.loads(path.read_text("utf-8"))))
    measuring = Trainer(workers=os.cpu_count() or 1)

    def first(jobs: Sequence[Job]) -> list[Result]:
        results = measuring(jobs)
        if measuring.plan is not None and not path.exists():
            write_atomically(path, json.dumps(asdict(measuring.plan)).encode())  # before anything of the round leaves
        return results

    return first
