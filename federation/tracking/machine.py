"""Readings of the machine that runs the rounds, under the names of MLflow's own page of system metrics.

Of a simulation that is where all countries train; between countries it is the coordinator's: no node says of its own.
"""

import sys

import psutil

MIB = 2**20


def readings() -> dict[str, float]:
    """All cores since the last call, memory, and memory of graphics cards that this process uses."""
    memory = psutil.virtual_memory()
    values = {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": round((memory.total - memory.available) / MIB, 1),
        "system/system_memory_usage_percentage": memory.percent,
    }
    torch = sys.modules.get("torch")  # never imported for this
    if torch is not None and torch.cuda.is_initialized():
        for card in range(torch.cuda.device_count()):
            used = torch.cuda.memory_allocated(card) / MIB
            values[f"system/gpu_{card}_memory_usage_megabytes"] = round(used, 1)
    return values
