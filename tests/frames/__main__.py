"""`scripts/prove frames [COUNT [SEED]]`: so many frames at a vault and at a gateway; exit code 1 if one does harm.

A frame that a vault serves makes it work, and how much depends on the calendar: every record of it may be scored. So it
may cost what the dearest honest request costs on the same records, and what is refused must be cheap.
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

DEAREST = 0.5  # seconds of CPU that a frame may cost which is refused, or which a gateway gets
AS_HONEST = (
    2.0  # times the dearest honest request's: a frame may cost that which is served, on a machine that is shared
)
GROWTH = 50.0  # MiB by which memory may grow after the first twentieth


def report(name: str, outcome: Outcome, dearest: float = DEAREST) -> bool:
    """Print what happened; whether all is well. dearest: seconds of CPU that a frame may cost which is served."""
    growth = max(outcome.memory[1:]) - outcome.memory[1]
    print(
        f"{name}: {outcome.kinds.total():,} frames, {len(outcome.faults)} faults, "
        f"dearest {1000 * outcome.dearest():.0f} of {1000 * dearest:.0f} ms of CPU, refused "
        f"{1000 * outcome.refused:.0f} of {1000 * DEAREST:.0f} ms, memory grew by {growth:.1f} MiB"
    )
    print("  replies:", ", ".join(f"{count:,} {kind}" for kind, count in outcome.kinds.most_common(12)))
    for seconds, frame in outcome.cost[:3]:
        print(f"  {1000 * seconds:.0f} ms: {frame[:160]}")
    for fault, count in Counter(fault[:300] for fault in outcome.faults).most_common(20):
        print(f"  FAULT {count} x {fault}")
    cheap = outcome.dearest() < dearest and outcome.refused < DEAREST
    return not outcome.faults and cheap and growth < GROWTH


def main(count: int, seed: int) -> int:
    """Both, one after another."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    gc.freeze()  # what was imported is no frame's to walk through
    with TemporaryDirectory() as folder:
        with vault.vault_in(Path(folder) / "honest") as country:
            dearest = AS_HONEST * vault.cost_of_honest(country)
        with vault.vault_in(Path(folder) / "data") as country:
            well = report("vault", vault.attack(country, count, seed), dearest)
        well &= report("gateway", gateway.attack(Path(folder) / "home", count, seed))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
