"""Which trainer a simulation uses. Numbers added in another order end in other last digits, so a run keeps its plan."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from federation.training import sequential
from federation.training.choice import Trainer
from federation.training.chunks import ChunkPlan
from federation.training.jobs import Job, Result
from federation.vault.serving import Train
from tasks.atomic import write_atomically

FILE = "engine.json"
FIXED = {
    "cohort": ChunkPlan(chunk=32),
    "compiled": ChunkPlan(chunk=16, compiled=True),
}


def trainer(engine: str, folder: Path) -> Train:
    """sequential, cohort or compiled (a fixed plan), or auto: the plan this run measured first, or measures now.

    Workers do not change a bit, so that a compiled run may go on where there are fewer of them.
    """
    if engine == "sequential":
        return sequential.run
    if engine in FIXED:
        workers = (os.cpu_count() or 1) if FIXED[engine].compiled else 1
        return Trainer(plan=replace(FIXED[engine], workers=workers))
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
