"""scripts/bench poison [strategies=A,B] [attacks=A,B] [seeds=1,2,3] [hostile=1,2] [rounds=8] [data=FOLDER] [out=FILE]:
what hostile countries cost the honest ones.

Eight synthetic countries learn dengue, or the seven whose national files (`gotong data import`) are long enough. One or
two of them, others for every seed, attack from the first round on and know the updates of all others
(tests/federation/coordinator/attacks.py). A row a strategy, an attack and a number of
hostile countries: log-WIS of the honest countries over all their place-periods, in % over FedAvg without an attacker in
the same countries, as the mean and the largest of the seeds, and the honest country that pays most in any seed. Of
FedAvg's server_step, the best of 1, 1.25 and 1.5 is taken. `over the rule alone`, where `clean` is among the attacks:
the same over the same strategy without an attacker, so what the attack adds. `triggered` is how far the trigger of a
backdoor moves forecasts of honest countries, 1 being all the way to what the attacker wants; `clean` shows it of an
honest model.
"""

import json
import logging
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import numpy as np
import torch
from torch.func import functional_call

from federation.coordinator import rounds
from federation.coordinator.state import Federation, Outcome, Report
from federation.reporting.rows import ALL
from federation.runs import simulation
from federation.runs.simulation import Simulation
from federation.settings.parts import StrategySettings, TrackingSettings
from federation.settings.region import RegionSettings
from federation.settings.schema import Settings
from federation.strategies import STRATEGIES
from federation.training import sequential
from federation.training.jobs import steps_in
from tasks.health.settings import HealthSettings
from tasks.models.weights import built
from tasks.registry import TASKS
from tests.federation.coordinator.attacks import FORCED, TRIGGER, Attack, HostileGrid, attacks

COUNTRIES = ["IDN", "KHM", "LAO", "MMR", "MYS", "PHL", "THA", "VNM"]
NATIONAL = ["KHM", "LAO", "MYS", "PHL", "SGP", "THA", "VNM"]  # have dengue files that are long enough
HOSTILE = [("VNM", "PHL"), ("THA", "IDN"), ("MMR", "KHM")]  # of seeds 1, 2, 3, and again
HOSTILE_NATIONAL = [("VNM", "PHL"), ("THA", "MYS"), ("KHM", "LAO")]
SERVER_STEPS = (1.0, 1.25, 1.5)
CLEAN, ABSENT, BACKDOOR = "clean", "absent", "backdoor"  # of absent, the hostile only stay away


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run. scores: country -> (sum, count) of log-WIS in the test. triggered: what a backdoor's trigger does."""

    strategy: str
    attack: str
    hostile: tuple[str, ...]
    seed: int
    scores: Mapping[str, tuple[float, int]]
    triggered: float | None = None

    def score(self, hostile: Sequence[str]) -> float:
        """Mean of the countries that are honest where these are hostile."""
        honest = [value for country, value in self.scores.items() if country not in hostile]
        return sum(total for total, _ in honest) / sum(count for _, count in honest)

    def score_of(self, country: str) -> float:
        """Mean of one country."""
        total, count = self.scores[country]
        return total / count


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What is run, from the command line."""

    strategies: Sequence[str] = ("robust_direction",)
    attacks: Sequence[str] = ()
    seeds: Sequence[int] = (1, 2, 3)
    hostile: Sequence[int] = (1, 2)
    rounds: int = 8
    data: str | None = None
    plain: dict[float, dict[int, Case]] = field(default_factory=dict)  # FedAvg's step -> seed -> without an attacker
    cases: list[Case] = field(default_factory=list)

    def settings(self, folder: Path, seed: int) -> Settings:
        """Of the runs of one seed, but for their strategy."""
        return Settings(
            task=HealthSettings(),
            strategy=STRATEGIES["fedavg"].settings(),
            region=RegionSettings(countries=COUNTRIES if self.data is None else NATIONAL),
            data=self.data,
            tracking=TrackingSettings(name="none"),
            arms=["federated"],
            rounds=self.rounds,
            seed=seed,
            runs=str(folder),
            name="bench",
        )

    def seed(self, seed: int) -> None:
        """All runs of one seed."""
        with self.ready(seed) as ready:
            for step in SERVER_STEPS:
                one = run(ready, STRATEGIES["fedavg"].settings(server_step=step), CLEAN, Attack(), ())
                self.plain.setdefault(step, {})[seed] = one
                print(f"seed {seed}: fedavg, server_step={step:g}: {one.score(()):.4f}", flush=True)
        for strategy in self.strategies:
            with self.ready(seed) as ready:  # vaults of their own, for a day has so many runs
                self.attacked(ready, strategy)

    @contextmanager
    def ready(self, seed: int) -> Iterator[Simulation]:
        """Vaults on the records of a seed."""
        with TemporaryDirectory(prefix="gotong-") as folder:
            (Path(folder) / "bench").mkdir()
            yield simulation.prepare(self.settings(Path(folder), seed), Path(folder) / "bench")

    def attacked(self, ready: Simulation, strategy: str) -> None:
        """All attacks on one strategy."""
        known = known_attacks(ready.run.settings)
        for attack in self.attacks or known:
            for number in [0] if attack == CLEAN else self.hostile:
                began, hostile = monotonic(), self.attackers(ready.run.settings.seed)[:number]
                one = run(ready, STRATEGIES[strategy].settings(), attack, known[attack], hostile)
                self.cases.append(one)
                said = f"seed {one.seed}: {strategy}, {attack}, {number} hostile: {one.score(hostile):.4f}"
                print(f"{said}, {monotonic() - began:.0f} s", flush=True)

    def attackers(self, seed: int) -> tuple[str, ...]:
        """Who attacks in the runs of a seed, the first of them where it is one."""
        pairs = HOSTILE if self.data is None else HOSTILE_NATIONAL
        return pairs[(seed - 1) % len(pairs)]

    def best_step(self) -> float:
        """FedAvg's, without an attacker."""
        return min(self.plain, key=lambda step: mean(one.score(()) for one in self.plain[step].values()))

    def rows(self) -> Iterator[dict[str, Any]]:
        """What each strategy costs under each attack."""
        base = self.plain[self.best_step()]
        kinds = dict.fromkeys((one.strategy, one.attack, len(one.hostile)) for one in self.cases)
        for kind in kinds:
            own = [one for one in self.cases if (one.strategy, one.attack, len(one.hostile)) == kind]
            row = dict(zip(("strategy", "attack", "hostile"), kind, strict=True)) | costs(own, base)
            if honest := {one.seed: one for one in self.cases if (one.strategy, one.attack) == (kind[0], CLEAN)}:
                alone = costs(own, honest)
                row |= {"over the rule alone": alone["mean"], "largest over the rule alone": alone["largest"]}
            yield row


def known_attacks(settings: Settings) -> dict[str, Attack]:
    """Every attack by its name, and two that are none."""
    return {
        CLEAN: Attack(),
        ABSENT: Attack(),
        **attacks(lambda examples: steps_in(settings.training, examples)),
    }


def run(ready: Simulation, strategy: StrategySettings, name: str, attack: Attack, hostile: tuple[str, ...]) -> Case:
    """One federation on the vaults that are ready, under a name of its own."""
    settings = replace(ready.run.settings, strategy=strategy)
    base = ready.run.federation
    nodes = {country: node for country, node in base.nodes.items() if name != ABSENT or country not in hostile}
    run_name, plan = f"{strategy.name}-{monotonic()}", settings.plan()
    federation = replace(base, run=run_name, settings=settings, plan=plan, nodes=nodes, declared={})
    names = {node: country for country, node in base.nodes.items()}
    grid = HostileGrid(ready.vaults, sequential.run, names=names, hostile=hostile, attack=attack, seed=settings.seed)
    outcome = rounds.federate(grid, federation, rounds.begin(federation), Quiet())
    return Case(
        strategy=strategy.name,
        attack=name,
        hostile=hostile,
        seed=settings.seed,
        scores=scores_of(outcome, federation.nodes),
        triggered=triggered(ready, federation, outcome, hostile) if name in (CLEAN, BACKDOOR) else None,
    )


def scores_of(outcome: Outcome, countries: Collection[str]) -> dict[str, tuple[float, int]]:
    """Country -> sum and count of the headline in the test."""
    return {
        row.country: (row.value * row.n, row.n)
        for row in outcome.rows
        if (row.arm, row.score, row.horizon) == ("federated", "log_wis", ALL) and row.country in countries and row.n
    }


def triggered(ready: Simulation, federation: Federation, outcome: Outcome, hostile: Sequence[str]) -> float:
    """How far the trigger moves the output in honest countries, 1 being all the way to what the attacker wants."""
    plan, moves = federation.plan, []
    model = built(TASKS["health"], plan.task, plan.seed)
    weights = {name: torch.from_numpy(np.array(value)) for name, value in outcome.model.items()}
    for node in (node for country, node in federation.nodes.items() if country not in hostile):
        inputs, _ = ready.vaults[node].records(plan).windows["validation"].batch(slice(0, 200))
        plain = {name: torch.from_numpy(np.array(value)) for name, value in inputs.items()}
        trigger = plain["features"].clone()
        trigger[..., -1] = TRIGGER
        with torch.no_grad():
            before, after = (
                functional_call(model, weights, ({**plain, "features": features}, None)).mean(dim=-1)
                for features in (plain["features"], trigger)
            )
        moves.append(float(((after - before) / (FORCED - before)).median()))
    return mean(moves)


def costs(own: Sequence[Case], base: Mapping[int, Case]) -> dict[str, Any]:
    """Of the seeds of one row. base: seed -> FedAvg without an attacker."""
    over = [100 * (one.score(one.hostile) / base[one.seed].score(one.hostile) - 1) for one in own]
    dearer = {
        (country, one.seed): 100 * (one.score_of(country) / base[one.seed].score_of(country) - 1)
        for one in own
        for country in set(one.scores) - set(one.hostile)
    }
    pays, seed = max(dearer, key=lambda each: dearer[each])
    moved = [one.triggered for one in own if one.triggered is not None]
    row: dict[str, Any] = {"seeds": len(own), "mean": round(mean(over), 2), "largest": round(max(over), 2)}
    row |= {"pays most": f"{pays}, seed {seed}", "pays": round(dearer[pays, seed], 2)}
    return row | ({"triggered": round(mean(moved), 2)} if moved else {})


class Quiet:
    """A watch that keeps nothing."""

    def round(self, report: Report) -> None:
        """Nobody looks."""

    def flush(self) -> int:
        """Nothing is tracked."""
        return 0

    def commit(self) -> None:
        """Nothing is tracked."""


def main(words: Sequence[str]) -> None:
    """Run, print, and write the rows."""
    logging.getLogger("flwr").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    chosen: dict[str, Any] = dict(word.split("=", 1) for word in words)
    out = chosen.pop("out", None)
    for key, kind in {"strategies": str, "attacks": str, "seeds": int, "hostile": int}.items():
        if key in chosen:
            chosen[key] = [kind(each) for each in chosen[key].split(",")]
    bench = Bench(**{**chosen, "rounds": int(chosen.get("rounds", 8))})
    for seed in bench.seeds:
        bench.seed(seed)
    rows = list(bench.rows())
    print(f"% over FedAvg without an attacker, server_step={bench.best_step():g}:")
    for row in rows:
        print(json.dumps(row))
    if out is not None:
        Path(out).write_text(json.dumps({"server_step": bench.best_step(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
