"""Whole federations in one process over the toy task, small enough to run in a fraction of a second."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from federation.composition.default_strategy import ROBUST
from federation.coordinator.state import Outcome, Report
from federation.policy.file import FILE
from federation.runs import simulation
from federation.runs.simulation import Simulation
from federation.settings.parts import TrackingSettings, TrainingSettings
from federation.settings.region import RegionSettings
from federation.settings.schema import Settings
from federation.strategies import STRATEGIES
from tests.federation.toy import TOY, ToySettings

Array = NDArray[Any]
MOMENTS = ("before checkpoint", "after checkpoint")
FOUR = ("KHM", "LAO", "THA", "VNM")
FULL = 1_000_000  # a batch of everything: one step is one gradient of the whole loss
GRADIENT = TrainingSettings(
    optimizer="sgd", lr=0.2, schedule="constant", epochs=1, batch_size=FULL, clip_gradient=None, momentum=0.0
)


def every_strategy() -> list[Any]:
    """Names of all strategies, as parameters of a test.

    Those that differ from another one in `adjust` alone are of the long tests, except the default: `adjust` is a pure
    function of one round's updates, with nothing to keep, to train with or to send.
    """
    seen: set[tuple[Any, ...]] = set()
    names = []
    for name, strategy in STRATEGIES.items():
        halves = (strategy.client, strategy.server, strategy.memory, strategy.shared, strategy.merge)
        key = (*halves, bool(strategy.settings().private))
        twin = key in seen and name != ROBUST
        names.append(pytest.param(name, marks=[pytest.mark.long] if twin else []))
        seen.add(key)
    return names


class StoppedError(Exception):
    """The coordinator dies here."""


@dataclass
class Watching:
    """Keeps what a run reports; may stop it in a round as a kill would, before the round's checkpoint or after."""

    stop: tuple[str, int] | None = None
    reports: list[Report] = field(default_factory=list)

    def round(self, report: Report) -> None:
        self.reports.append(report)

    def flush(self) -> int:
        self._stop("before checkpoint")
        return len(self.reports)

    def commit(self) -> None:
        self._stop("after checkpoint")

    def _stop(self, moment: str) -> None:
        if self.stop == (moment, self.reports[-1].round):
            raise StoppedError


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A federation that ran to its end."""

    ready: Simulation
    outcome: Outcome
    reports: Sequence[Report]

    @property
    def weights(self) -> dict[str, Array]:
        return {name: np.asarray(value) for name, value in self.outcome.progress.model.items()}


FederationOf = Callable[..., Ran]


def settings_of(
    folder: Path,
    countries: Sequence[str] = FOUR,
    *,
    strategy: str = "fedavg",
    chosen: dict[str, Any] | None = None,
    task: ToySettings | None = None,
    training: TrainingSettings = GRADIENT,
    **rest: Any,
) -> Settings:
    """Settings of a toy run under `folder`; `chosen` are the strategy's own, `rest` those of the run."""
    run: dict[str, Any] = {"rounds": 3, "quorum": 1, "name": "run", "keep_best": 0} | rest
    return Settings(
        task=task or ToySettings(),
        strategy=STRATEGIES[strategy].settings(**(chosen or {})),
        training=training,
        region=RegionSettings(countries=list(countries)),
        tracking=TrackingSettings(name="none"),
        runs=str(folder / "runs"),
        **run,
    )


def ready(settings: Settings, policies: Mapping[str, str] | None = None) -> Simulation:
    """A run that may begin. policies: country -> further lines of its policy.

    The countries' keys are fixed, so that two folders give the same fingerprints.
    """
    runs = Path(settings.runs)
    (runs / "keys").mkdir(parents=True, exist_ok=True)
    for country in settings.region.countries:
        (runs / "keys" / f"{country}.key").write_bytes(country.encode() * 11)
        write_policy(Path(settings.data or runs / "run" / "data") / country, (policies or {}).get(country, ""))
    return simulation.prepare(settings, runs / "run")


def write_policy(folder: Path, lines: str = "") -> None:
    """A policy that serves the toy."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text('template = "open"\ntasks = ["toy"]\n' + lines)


def run(ready: Simulation, watching: Watching | None = None) -> Ran:
    """All rounds and the test."""
    watch = watching or Watching()
    return Ran(ready=ready, outcome=ready.rounds(watch), reports=watch.reports)


def records_in(folder: Path, countries: Sequence[str], task: ToySettings, seed: int = 1) -> Path:
    """National files for tests that change them; hand the folder on as `data`."""
    for country in countries:
        write_policy(folder / country)
        TOY.synthesize(folder / country, country, seed, task)
    return folder
