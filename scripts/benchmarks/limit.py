"""scripts/bench limit [clients=100] [model=87k]: how far a federated round is from what the machine can do.

A round of the cohort engine, eager and compiled, over one epoch of plain central SGD on the same rows at its best batch
size, and over the time that the matrix products alone would take at the rate measured here. One thread each.
"""

import sys
from time import perf_counter

import ours
import torch
from quiet import MOST, listen
from torch.utils.flop_counter import FlopCounterMode
from work import LAGS, OUTPUTS, SERIES, Work, mean_squared

from federation.training.cohort.chunks import ChunkPlan
from federation.training.cohort.engine import Cohort

REPEATS = 5


def fastest(run: object) -> float:
    """Seconds of the best of REPEATS calls, after one that does not count."""
    assert callable(run), "something to time"
    times = []
    for _ in range(REPEATS + 1):
        began = perf_counter()
        run()
        times.append(perf_counter() - began)
    return min(times[1:])


def federated(work: Work, plan: ChunkPlan) -> float:
    """Seconds of a round of the cohort engine."""
    jobs = ours.jobs_of(work)
    held = {name: value.detach() for name, value in ours.Forecaster(work).named_parameters()}
    engine = Cohort(torch.device("cpu"), plan)
    return fastest(lambda: ours.average_weights(dict(held), engine(jobs(held, 1))))


def central(work: Work, batch: int) -> float:
    """Seconds of an epoch of plain SGD over all rows together."""
    inputs, targets = (torch.from_numpy(values).flatten(0, 1) for values in work.records())
    model = work.build()
    optimizer = torch.optim.SGD(model.parameters(), lr=work.lr)

    def epoch() -> None:
        for rows in torch.randperm(len(inputs)).split(batch):
            optimizer.zero_grad()
            mean_squared(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()

    return fastest(epoch)


def floor(work: Work) -> tuple[float, float]:
    """Seconds of a round's products at the measured rate, and that rate in FLOP/s."""
    model = work.build()
    with FlopCounterMode(display=False) as counter:
        mean_squared(model(torch.randn(work.batch, LAGS, SERIES)), torch.randn(work.batch, OUTPUTS)).backward()
    total = counter.get_total_flops() * work.clients * work.examples / work.batch
    square = torch.randn(1024, 1024)
    rate = 2 * 1024**3 / fastest(lambda: square @ square)
    return total / rate, rate


def main(words: list[str]) -> int:
    """Print the three numbers."""
    given = dict(word.split("=", 1) for word in words)
    work = Work(clients=int(given.get("clients", 100)), model=given.get("model", "87k"))
    torch.set_num_threads(1)
    quiet = listen()
    rounds = {way: federated(work, ChunkPlan(chunk=10, compiled=way == "compiled")) for way in ("eager", "compiled")}
    epochs = {batch: central(work, batch) for batch in (16, 64, 256, 1024)}
    best = min(epochs, key=lambda batch: epochs[batch])
    least, rate = floor(work)
    for way, seconds in rounds.items():
        print(f"federated round, cohort, {way:<8}     {seconds:.3f} s")
    print(f"central epoch, best batch {best:5}       {epochs[best]:.3f} s")
    print(f"products alone at {rate / 1e9:6.1f} GFLOP/s    {least:.3f} s")
    if max(quiet.busy, listen().busy) > MOST:
        print("The machine is busy with other work: no ratio.")
        return 0
    for way, seconds in rounds.items():
        print(f"{way}: {seconds / epochs[best]:.2f} x a central epoch and {seconds / least:.2f} x its products")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
