"""Our engines, and a plain torch loop: the same clients, the same orders, in this project's environment."""

from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from report import arguments, cpu_seconds, timed, write_report
from torch import Tensor, nn
from work import Work, mean_squared, name_of, order, seed_of

from federation.settings.parts import TrainingSettings
from federation.training import sequential
from federation.training.cohort.autotune import choose_plan
from federation.training.cohort.chunks import ChunkPlan
from federation.training.cohort.engine import Cohort
from federation.training.jobs import ClientHalf, Job, Result
from tasks.data import DenseWindows

# Clients trained before their updates are summed, as in coordinator/exchange.py; Flower may be absent here.
AT_ONCE = 200


class Forecaster(nn.Module):
    """The work's model as a task's."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.model = work.build()

    def forward(self, inputs: dict[str, Tensor], seed: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """(N, T, F) -> (N, O, 1)."""
        output: Tensor = self.model(inputs["series"])
        return output[..., None]


def loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of reported targets."""
    reported = ~target.isnan()
    error = (output[..., 0] - torch.where(reported, target, 0.0)).square()
    return torch.where(reported, error, 0.0).sum() / reported.sum().clamp(min=1)


def windows(name: str, inputs: np.ndarray, target: np.ndarray) -> DenseWindows:
    """One client's records."""
    rows, outputs = target.shape
    return DenseWindows(
        country=name,
        places=("one",),
        inputs={"series": inputs},
        target=target,
        observed=target.astype(np.float64),
        restore={},
        place=np.zeros(rows, np.int64),
        origin=np.full(rows, np.datetime64("2000-01")),
        due=np.full((rows, outputs), np.datetime64("2000-02")),
        part=np.full(rows, "train"),
    )


def jobs_of(work: Work) -> Callable[[dict[str, Tensor], int], list[Job]]:
    """(weights, round) -> jobs, all records being read."""
    inputs, targets = work.records()
    records = [windows(name_of(c), inputs[c], targets[c]) for c in range(work.clients)]
    settings = TrainingSettings(
        optimizer="sgd", lr=work.lr, schedule="constant", epochs=1, batch_size=work.batch, clip_gradient=None
    )
    model, half = Forecaster(work), ClientHalf()

    def jobs(weights: dict[str, Tensor], round_: int) -> list[Job]:
        return [
            Job(
                country=own.country,
                arm="federated",
                model=model,
                loss=loss,
                start=weights,
                train=own,
                score=None,
                settings=settings,
                client=half,
                lr=work.lr,
                seed=seed_of(client, round_),
            )
            for client, own in enumerate(records)
        ]

    return jobs


def federated(work: Work, device: torch.device, reports: Path, options: dict[str, Any]) -> None:
    """Rounds of our trainers: `sequential`, or `cohort` with the requested chunk or the one chosen by trying."""
    began, engine = perf_counter(), options["engine"]
    jobs = jobs_of(work)
    held = {name: value.detach() for name, value in Forecaster(work).named_parameters()}
    plan = ChunkPlan(chunk=1)
    if engine == "cohort":
        plan = ChunkPlan(**{key: value for key, value in options.items() if key in ("chunk", "workers", "compiled")})
        if "chunk" not in options:
            plan = choose_plan(jobs(held, 0), device, workers=plan.workers).plan
    train = Cohort(device, plan) if engine == "cohort" else lambda jobs: sequential.run(jobs, device)
    train(jobs(held, 0)[:AT_ONCE])  # the first round pays for what happens once, compiling above all
    if isinstance(train, Cohort):
        train.end()
    start, before = perf_counter() - began, cpu_seconds()

    def round_(number: int) -> None:
        round_jobs = jobs(held, number)
        groups = (round_jobs[at : at + AT_ONCE] for at in range(0, len(round_jobs), AT_ONCE))
        average_weights(held, (result for group in groups for result in train(group)))

    seconds, _ = timed(work, round_)
    if isinstance(train, Cohort):
        train.end()  # CPU seconds of a fork count once it has ended
    cpu = [(cpu_seconds() - before) / work.rounds] * work.rounds
    weights = {name.removeprefix("model."): value for name, value in held.items()}
    write_report(reports, weights, seconds, cpu=cpu, start=start, plan=vars(plan))


def average_weights(held: dict[str, Tensor], results: Iterable[Result]) -> None:
    """Replace the weights by the mean of the clients', summed as they come, so that they are not all in memory."""
    totals, count = {name: torch.zeros_like(value) for name, value in held.items()}, 0
    for result in results:
        assert result.params is not None, "every client trains"
        count += 1
        for name, total in totals.items():
            total += result.params[name]
    held.update({name: total / count for name, total in totals.items()})


def plain(work: Work, device: torch.device, reports: Path) -> None:
    """What a careful person writes by hand: one model, one optimiser, weights copied in for each client."""
    began = perf_counter()
    inputs, targets = (torch.from_numpy(values).to(device) for values in work.records())
    model = work.build().to(device)
    held = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=work.lr)

    def round_(number: int) -> None:
        total = {name: torch.zeros_like(value) for name, value in held.items()}
        for client in range(work.clients):
            with torch.no_grad():
                for name, value in model.named_parameters():
                    value.copy_(held[name])
            for rows in order(work, client, number).to(device).split(work.batch):
                optimizer.zero_grad()
                mean_squared(model(inputs[client, rows]), targets[client, rows]).backward()
                optimizer.step()
            with torch.no_grad():
                for name, value in model.named_parameters():
                    total[name] += value
        held.update({name: value / work.clients for name, value in total.items()})

    kept = dict(held)
    round_(0)
    held.update(kept)
    start = perf_counter() - began
    seconds, cpu = timed(work, round_)
    write_report(reports, held, seconds, cpu=cpu, start=start, plan={})


if __name__ == "__main__":
    given, wanted, reports = arguments()
    torch.set_num_threads(int(wanted.get("threads", 1)))
    where = torch.device(wanted.get("device", "cpu"))
    if wanted["engine"] == "plain":
        plain(given, where, reports)
    else:
        federated(given, where, reports, wanted)
