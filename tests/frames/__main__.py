"""`scripts/prove frames [COUNT [SEED]]`: so many frames at a vault and at a gateway; exit code 1 if one does harm.

A frame that a vault serves makes it work, and how much depends on the calendar: every record of it may be scored. What
the dearest honest request costs on the same records is printed beside it: a hostile one gains what is beyond that.
"""

import gc
import logging
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tests.frames import gateway, vault
from tests.frames.vault import Outcome

DEAREST = 0.5  # seconds of CPU that a frame may cost
GROWTH = 50.0  # MiB by which memory may grow after the first twentieth


def report(name: str, outcome: Outcome) -> bool:
    """Print what happened; whether all is well."""
    growth = max(outcome.memory[1:]) - outcome.memory[1]
    print(
        f"{name}: {outcome.kinds.total():,} frames, {len(outcome.faults)} faults, memory grew by {growth:.1f} MiB, "
        f"dearest {1000 * outcome.dearest():.0f} ms of CPU, of those refused {1000 * outcome.refused:.0f} ms"
    )
    print("  replies:", ", ".join(f"{count:,} {kind}" for kind, count in outcome.kinds.most_common(12)))
    for seconds, frame in outcome.cost[:3]:
        print(f"  {1000 * seconds:.0f} ms: {frame[:160]}")
    for fault, count in Counter(fault[:300] for fault in outcome.faults).most_common(20):
        print(f"  FAULT {count} x {fault}")
    return not outcome.faults and outcome.dearest() < DEAREST and growth < GROWTH


def main(count: int, seed: int) -> int:
    """Both, one after another."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    gc.freeze()  # what was imported is no frame's to walk through
    with TemporaryDirectory() as folder:
        with vault.vault_in(Path(folder) / "honest") as country:
            print(f"dearest honest request: {1000 * vault.cost_of_honest(country):.0f} ms of CPU")
        with vault.vault_in(Path(folder) / "data") as country:
            well = report("vault", vault.attack(country, count, seed))
        well &= report("gateway", gateway.attack(Path(folder) / "home", count, seed))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
