"""How an engine reports what it did: seconds and CPU seconds of every round, and where the weights ended."""

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from work import Work


def arguments() -> tuple[Work, dict[str, Any], Path]:
    """The work, the engine's own options and the folder for the report, from the command line."""
    values = json.loads(sys.argv[1])
    return Work(**values["work"]), values["options"], Path(sys.argv[2])


def timed(work: Work, round_: Callable[[int], None]) -> tuple[list[float], list[float]]:
    """Seconds and CPU seconds (with child processes that ended) of every round."""
    seconds, cpu = [], []
    for number in range(1, work.rounds + 1):
        began, before = perf_counter(), cpu_seconds()
        round_(number)
        seconds.append(perf_counter() - began)
        cpu.append(cpu_seconds() - before)
    return seconds, cpu


def cpu_seconds() -> float:
    """Of this process and of children that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def write_report(folder: Path, weights: Mapping[str, torch.Tensor], seconds: list[float], **more: Any) -> None:
    """Write the report; the last file is the sign that it is whole."""
    np.savez(folder / "weights.npz", **{name: value.detach().cpu().numpy() for name, value in weights.items()})
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    (folder / "report.json").write_text(json.dumps({"seconds": seconds, "mib": most, **more}))
