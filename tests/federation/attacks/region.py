"""A small dengue region for attacks: its runs, and the true update of every country, which no attacker has."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.coordinator import rounds
from federation.coordinator.state import Outcome
from federation.errors import QuorumError
from federation.policy.file import FILE
from federation.runs import simulation
from federation.runs.simulation import Simulation
from federation.seals.fixed_point import Floats, whole_weights
from federation.seals.model import vector
from federation.settings.parts import TrackingSettings, TrainingSettings
from federation.settings.region import RegionSettings
from federation.settings.schema import Settings
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.training.jobs import Job, Result
from federation.vault.records import power_of_two
from federation.vault.requests import numpy_of
from federation.vault.round import Train
from tasks.health.settings import HealthSettings
from tests.federation.federations import Watching
from tests.federation.sealed.federation import Line, LineGrid

EIGHT = ("BRN", "KHM", "LAO", "MYS", "PHL", "SGP", "TLS", "VNM")
ADAM = TrainingSettings(lr=5e-3, schedule="constant")


def prepared(folder: Path, seed: int, **chosen: Any) -> Simulation:
    """A run on synthetic records of a seed that may begin. template: of all policies; `open` if none is named."""
    template = chosen.pop("template", "open")
    values: dict[str, Any] = {
        "task": HealthSettings(hidden=[32]),
        "strategy": STRATEGIES["fedavg"].settings(),
        "training": ADAM,
        "region": RegionSettings(countries=list(chosen.pop("countries", EIGHT))),
        "tracking": TrackingSettings(name="none"),
        "arms": ["federated"],
        "rounds": 4,
        "keep_best": 0,
        "protection": "sealed",
        "retries": 0,
        "seed": seed,
        "runs": str(folder),
        "name": "run",
    }
    settings = Settings(**(values | chosen))
    (folder / "run").mkdir(parents=True, exist_ok=True)
    for country in settings.region.countries:
        write_policy(folder / "run" / "data" / country, template)
    return simulation.prepare(settings, folder / "run")


def write_policy(folder: Path, template: str, lines: str = "") -> None:
    """The policy of a country's template. A second run from one model is refused under all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(f'template = "{template}"\ntasks = ["health"]\nrepeat_start = false\n{lines}')


@dataclass
class Recorder:
    """Trains as `inner` does, and keeps what each country's update of the federated model was.

    starts: (D,) of every round. updates: country -> (D,), of every round.
    """

    inner: Train = sequential.run
    starts: list[Floats] = field(default_factory=list)
    updates: list[dict[str, Floats]] = field(default_factory=list)

    def __call__(self, jobs: Sequence[Job]) -> list[Result]:
        """Of one round."""
        results = self.inner(jobs)
        trained = [each for each in results if each.params is not None and each.job.arm == "federated"]
        if trained:
            self.starts.append(vector(numpy_of(trained[0].job.start)))
            self.updates.append({each.job.country: update_of(each) for each in trained})
        return results


def update_of(result: Result) -> Floats:
    """(D,) what training changed."""
    assert result.params is not None, "it trained"
    return vector(numpy_of(result.params)) - vector(numpy_of(result.job.start))


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a run went. ended: why it ended early, if it did. refusals: (country, round) -> why a country left."""

    outcome: Outcome | None
    ended: str | None
    refusals: dict[tuple[str, int], str]
    reports: int
    alarms: int
    line: Line


def ran(ready: Simulation, train: Train = sequential.run, line: Line | None = None) -> Ran:
    """All rounds, as far as they go."""
    line, watching = line or Line(), Watching()
    grid, federation = LineGrid(ready, line, train), ready.run.federation
    outcome, ended = None, None
    try:
        outcome = rounds.federate(grid, federation, ready.run.progress, watching)
    except QuorumError as error:
        ended = str(error)
    return Ran(
        outcome=outcome,
        ended=ended,
        refusals=refusals(line),
        reports=len(watching.reports),
        alarms=sum(report.alarm is not None for report in watching.reports),
        line=line,
    )


def refusals(line: Line) -> dict[tuple[str, int], str]:
    """(country, round) -> why it sent nothing. A reply follows its request, which names the round."""
    found: dict[tuple[str, int], str] = {}
    for (country, request), (_, reply) in zip(line.requests, line.replies, strict=True):
        if reply.kind == "refused":
            found.setdefault((country, request.header["round"]), str(reply.header["reason"]))
    return found


def weights_of(ready: Simulation) -> dict[str, int]:
    """country -> how much its update counts in a sealed sum."""
    plan = ready.run.federation.plan
    claims = {vault.country: power_of_two(vault.records(plan).cohort()) for vault in ready.vaults.values()}
    whole = whole_weights(list(claims.values()), plan.strategy.largest_share)
    return dict(zip(claims, whole, strict=True))


def mean_of(updates: dict[str, Floats], weights: dict[str, int]) -> Floats:
    """(D,) the weighted mean of these countries."""
    total = sum(weights[country] * update for country, update in updates.items())
    return np.asarray(total / sum(weights[country] for country in updates))


def cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Between two vectors; 0 where one is all 0."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0
