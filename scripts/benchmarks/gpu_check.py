"""scripts/gpu_check: everything that needs a GPU, in one run; on a machine without one the same on the CPU, smaller.

Cohort against sequential on the device, every strategy and optimiser: the same weights. Then the time of both, eager
and compiled, in float32, TF32 and bf16, and the FLOP/s reached against what the device's own products reach. Needs
torch, numpy and this repository alone; where pfl-research is installed too, its simulator is given the same work.
"""

import bare  # noqa: F401, I001  first, so that the registry of tasks stays out
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter

import ours
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from work import LAGS, OUTPUTS, SERIES, Work, mean_squared

from federation.settings.parts import TrainingSettings
from federation.strategies import STRATEGIES
from federation.strategies.strategy import Strategy
from federation.training import sequential
from federation.training.cohort.autotune import choose_plan
from federation.training.cohort.chunks import ChunkPlan
from federation.training.cohort.engine import Cohort
from federation.training.device import matmul_precision
from federation.training.jobs import Result
from tests.federation.training.clients import (
    CASES,
    OPTIMIZERS,
    RAGGED,
    SAME,
    Attention,
    Federation,
    clients_of,
    largest_difference,
    perceptron,
)

REPEATS = 5


@dataclass(frozen=True, kw_only=True)
class Size:
    """compared: clients that the sequential trainer is given; pfl: those that pfl-research is. Both take time linear in
    clients."""

    work: Work
    compared: int
    pfl: int


def seconds(run: Callable[[], list[Result]], device: torch.device) -> tuple[float, list[Result]]:
    """Median time of a call, after two that do not count, and its result."""
    run(), run()
    times = []
    for _ in range(REPEATS):
        wait(device)
        began = perf_counter()
        result = run()
        wait(device)
        times.append(perf_counter() - began)
    return median(times), result


def wait(device: torch.device) -> None:
    """A card works on after Python has gone on."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def flops(work: Work) -> float:
    """Of a round's matrix products."""
    with FlopCounterMode(display=False) as counter:
        mean_squared(work.build()(torch.randn(work.batch, LAGS, SERIES)), torch.randn(work.batch, OUTPUTS)).backward()
    return float(counter.get_total_flops() * work.clients * work.examples / work.batch)


def rates(device: torch.device) -> dict[str, float]:
    """precision -> FLOP/s of a large square product here."""
    side = 8192 if device.type == "cuda" else 1024
    square = torch.randn(side, side, device=device)
    rates = {}
    for precision in ("float32", "tf32", "bf16"):
        values = square.bfloat16() if precision == "bf16" else square
        with matmul_precision(precision):
            values @ values
            wait(device)
            began = perf_counter()
            for _ in range(REPEATS):
                values @ values
            wait(device)
        rates[precision] = REPEATS * 2 * side**3 / (perf_counter() - began)
    return rates


def agree(device: torch.device) -> bool:
    """Ten rounds of every strategy with every optimiser, and for one strategy the same compiled.

    Adam in float32 is printed and not checked: it makes steps of a gradient that is little more than rounding.
    """
    cases = [*CASES, ("adamw", torch.float32)]
    kinds = [(perceptron, strategy, False) for strategy in STRATEGIES.values()]
    kinds += [(Attention, STRATEGIES["fedprox"], False), (perceptron, STRATEGIES["fedprox"], True)]
    good = True
    for name, dtype in cases:
        worst = {False: 0.0, True: 0.0}
        for build, strategy, compiled in kinds:
            if strategy.name == "scaffold" and name != "sgd":
                continue  # it needs plain gradient steps
            gap = of_ten_rounds(build, strategy, OPTIMIZERS[name], device, compiled, dtype)
            worst[compiled] = max(worst[compiled], gap)
        print(f"ten rounds, {name}, {dtype}: {worst[False]:.1e} difference at most, compiled {worst[True]:.1e}")
        good &= (name, dtype) not in CASES or max(worst.values()) < SAME[dtype]
    return good


def of_ten_rounds(
    build: Callable[[int], nn.Module],
    strategy: Strategy,
    training: TrainingSettings,
    device: torch.device,
    compiled: bool,
    dtype: torch.dtype,
) -> float:
    """Largest difference between two federations, one trained in cohorts."""
    clients = clients_of(RAGGED)
    pair = [
        Federation(clients=clients, build=build, strategy=strategy, settings=training, dtype=dtype) for _ in range(2)
    ]
    alone, engine = partial(sequential.run, device=device), Cohort(device, ChunkPlan(chunk=4, compiled=compiled))
    return max(
        largest_difference(pair[0].round(alone, number), pair[1].round(engine, number)) for number in range(1, 11)
    )


def check(size: Size, device: torch.device, reached: dict[str, float]) -> bool:
    """One size of work."""
    work, jobs = size.work, ours.jobs_of(size.work)
    held = {name: value.detach() for name, value in ours.Forecaster(work).named_parameters()}
    today = jobs(held, 1)
    chosen = choose_plan(today, device)
    plan = chosen.plan if chosen.plan.chunk > 1 else ChunkPlan(chunk=16)
    print(f"\n{work.clients} clients, {work.model}, {device}: plan {chosen.plan} ({chosen.reason})")
    alone, expected = seconds(lambda: sequential.run(today[: size.compared], device), device)
    alone *= work.clients / size.compared
    print(f"  sequential               {alone:8.3f} s (from {size.compared} clients)")
    if find_spec("pfl"):
        others = pfl(replace(work, clients=size.pfl, rounds=4))
        said = "failed" if others is None else f"{others * work.clients / size.pfl:8.3f} s (from {size.pfl} clients)"
        print(f"  pfl-research             {said}")
    total, good = flops(work), True
    exact: list[Result] = []
    for compiled in (False, True):
        for precision in ("float32", "tf32", "bf16"):
            engine = Cohort(device, replace(plan, compiled=compiled, precision=precision))
            began = perf_counter()
            engine(today)
            first = perf_counter() - began
            together, results = seconds(partial(engine, today), device)
            exact = exact or results
            name = f"{'compiled' if compiled else 'eager'}, {precision}"
            print(
                f"  cohort, {name:17}{together:8.3f} s, first {first:.1f} s, {alone / together:.1f} x sequential, "
                f"{total / together / 1e12:.3f} TFLOP/s, {100 * total / together / reached[precision]:.1f} % of what "
                f"products reach; from sequential {largest_gap(results[: size.compared], expected):.1e}"
            )
            if precision == "float32":
                good &= largest_gap(results[: size.compared], expected) < SAME[torch.float32]
    return good


def pfl(work: Work) -> float | None:
    """Seconds of a round of pfl-research's simulator, the first not counted; none if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        request = json.dumps({"work": asdict(work), "options": {"threads": 1}})
        here = Path(__file__).parent
        report_file = Path(folder) / "report.json"
        run = subprocess.run([sys.executable, here / "peer_pfl.py", request, folder], stdout=subprocess.DEVNULL)
        if run.returncode or not report_file.exists():
            return None
        report = json.loads(report_file.read_text())
    return float(median(report["seconds"][1:]))


def largest_gap(one: Sequence[Result], other: Sequence[Result]) -> float:
    """Largest difference of any weight."""
    pairs = zip(one, other, strict=True)
    return max(
        float((a.params[n] - b.params[n]).abs().max()) for a, b in pairs if a.params and b.params for n in a.params
    )


def main() -> int:
    """All sizes; 1 if any weight differs."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    sizes = [
        Size(work=Work(clients=1000, model="87k"), compared=100, pfl=200),
        Size(work=Work(clients=10_000, model="42k"), compared=100, pfl=400),
    ]
    if device.type == "cuda":
        print(torch.cuda.get_device_name(device), f"torch {torch.__version__}, {os.cpu_count()} cores")
    else:
        print("No GPU here: the same checks on the CPU, smaller. No figure below says anything about a GPU.")
        sizes = [replace(size, work=replace(size.work, clients=100), compared=10, pfl=100) for size in sizes]
    good = [agree(device)]
    reached = rates(device)
    print("products reach " + ", ".join(f"{rate / 1e12:.2f} TFLOP/s in {name}" for name, rate in reached.items()))
    good += [check(size, device, reached) for size in sizes]
    print("\nall weights agree" if all(good) else "\nFAILED: weights differ")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
