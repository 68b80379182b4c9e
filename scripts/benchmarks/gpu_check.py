"""scripts/gpu_check: everything that needs a GPU, in one run; on a machine without one the same on the CPU, smaller.

Cohort against sequential on the device: the same weights, and the time of both. Then bf16 against float32, and the
FLOP/s reached. Needs torch, numpy and this repository alone.
"""

import bare  # noqa: F401, I001  first, so that the registry of tasks stays out
import sys
from dataclasses import replace
from time import perf_counter

import ours
import torch
from torch.utils.flop_counter import FlopCounterMode
from work import LAGS, OUTPUTS, SERIES, Work, mean_squared

from federation.training import sequential
from federation.training.choice import choose
from federation.training.chunks import ChunkPlan
from federation.training.cohort import Cohort

SAME = 1e-5


def seconds(run: object, device: torch.device) -> tuple[float, list[ours.Result]]:
    """Time of the second call, and what it found."""
    assert callable(run), "something to time"
    run()
    wait(device)
    began = perf_counter()
    found = run()
    wait(device)
    return perf_counter() - began, found


def wait(device: torch.device) -> None:
    """A card works on after Python has gone on."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def flops(work: Work) -> float:
    """Of a round's matrix products."""
    with FlopCounterMode(display=False) as counter:
        mean_squared(work.build()(torch.randn(work.batch, LAGS, SERIES)), torch.randn(work.batch, OUTPUTS)).backward()
    return counter.get_total_flops() * work.clients * work.examples / work.batch


def check(work: Work, device: torch.device, compared: int) -> bool:
    """One size of work; `compared`: clients that the sequential trainer trains too, its time being linear in them."""
    jobs = ours.jobs_of(work)
    held = {name: value.detach() for name, value in ours.Forecaster(work).named_parameters()}
    today = jobs(held, 1)
    chosen = choose(today, device)
    engine = Cohort(device, chosen.plan if chosen.plan.chunk > 1 else ChunkPlan(chunk=16))
    together, found = seconds(lambda: engine(today), device)
    alone, expected = seconds(lambda: sequential.run(today[:compared], device), device)
    alone *= work.clients / compared
    gap = apart(found[:compared], expected)
    print(f"\n{work.clients} clients, {work.model}, {device}: plan {chosen.plan} ({chosen.reason})")
    print(f"  cohort {together:.3f} s, sequential {alone:.3f} s (from {compared} clients): {alone / together:.1f} x")
    print(f"  {flops(work) / together / 1e12:.3f} TFLOP/s reached; largest difference of a weight {gap:.1e}")
    half, rough = seconds(lambda: Cohort(device, replace(engine.plan, precision="bf16"))(today), device)
    print(f"  bf16 {half:.3f} s, largest difference from float32 {apart(rough, found):.1e}")
    return gap < SAME


def apart(one: list[ours.Result], other: list[ours.Result]) -> float:
    """Largest difference of any weight."""
    pairs = zip(one, other, strict=True)
    return max(
        float((a.params[n] - b.params[n]).abs().max()) for a, b in pairs if a.params and b.params for n in a.params
    )


def main() -> int:
    """All sizes; 1 if any weight differs."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    if device.type == "cuda":
        print(torch.cuda.get_device_name(device), f"torch {torch.__version__}")
        sizes = [(Work(clients=1000, model="87k"), 50), (Work(clients=10_000, model="42k"), 50)]
    else:
        print("No GPU here: the same checks on the CPU, smaller. No figure below says anything about a GPU.")
        sizes = [(Work(clients=40, model="87k"), 10), (Work(clients=100, model="42k"), 10)]
    good = [check(work, device, compared) for work, compared in sizes]
    print("\nall weights agree" if all(good) else "\nFAILED: weights differ")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
