"""scripts/bench mixed data=FOLDER start_from=RUN [epsilons=inf,8,4,2,1] [draws=5] [out=FILE] [KEY=VALUE ...]

Whether a model under differential privacy is of use to a country that has a model of its own: runs of
`recipe=dengue_noised` from an accepted first model, and in each country the mix of its forecasts with those of the
country's own model, by the share that is best in the validation years. Nothing of that leaves, so that it costs no
budget. The own model is that of `recipe=dengue`, on the same windows.
A row an epsilon: log-WIS in the test years over all place-periods, then how much worse than its own model the mix is
in the country where it is worst: in the mean of the draws, and in any draw.

The first model of docs/trust.md: gotong simulate task=health task.statistics=place task.weather=false task.hidden=[]
region.countries=[BGD,IND,LKA,NPL,PAK,BTN,CHN,TWN] region.name=Pretrain rounds=30 strategy=fedavg seed=7 keep_best=3
training.lr=5e-3 arms=[federated] name=pretrained
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from federation.composition.compose import compose
from federation.coordinator import rounds
from federation.privacy.mechanism import SYSTEM
from federation.runs import simulation
from federation.runs.in_process_grid import InProcessGrid
from federation.settings.parts import AdaptationSettings
from federation.settings.schema import Settings
from federation.training import sequential
from federation.training.jobs import Job, Result
from federation.vault import scoring
from federation.vault.own_models.adaptation import Past, trust
from federation.vault.records import Records
from scripts.benchmarks.noise import NONE, Silent
from tasks.data import Array, Part
from tasks.evaluation.paired_difference import blocks, paired_interval
from tasks.evaluation.score import Sums, merge
from tasks.task import Task

RULES = ("best", "shrunk", "clear")
SHARES = np.linspace(0, 1, 21)  # of the shared model in a mix
OWN_RUN = ("recipe=dengue", "task.statistics=place", "arms=[federated,local]", "tracking=none", "engine=sequential")
PARTS: tuple[Part, ...] = ("validation", "test")


@dataclass
class Tested:
    """Trains, and keeps what the test's jobs came to. results: (country, arm) -> result."""

    results: dict[tuple[str, str], Result] = field(default_factory=dict)

    def __call__(self, jobs: Sequence[Job]) -> list[Result]:
        """Of one round; the test is the last."""
        done = sequential.run(jobs)
        self.results |= {(each.job.country, each.job.arm): each for each in done}
        return done


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Of one run. arms: country -> arm -> part -> (N, H, K) in model units. records: country -> what happened."""

    arms: Mapping[str, Mapping[str, Mapping[Part, Array]]]
    records: Mapping[str, Records]
    task: Task


def outputs(settings: Settings, start_from: str | None, epsilon: float | None) -> Outputs:
    """Run to the end. epsilon: of the noise; infinite: none; None: a run without differential privacy."""
    with TemporaryDirectory() as runs:
        if start_from is not None:
            (Path(runs) / Path(start_from).name).symlink_to(Path(start_from).absolute())
            privacy = replace(settings.privacy, epsilon=min(epsilon or 1.0, 50.0))
            settings = replace(settings, start_from=Path(start_from).name, privacy=privacy)
        ready = simulation.prepare(replace(settings, runs=runs, name="run"), Path(runs) / "run")
        for vault in ready.vaults.values():
            vault._noise = NONE if epsilon == np.inf else SYSTEM
        tested = Tested()
        grid, federation = InProcessGrid(ready.vaults, tested), ready.run.federation
        rounds.federate(grid, federation, ready.run.progress, Silent())
        records = {vault.country: vault.records(federation.plan) for vault in ready.vaults.values()}
    arms: dict[str, dict[str, Mapping[Part, Array]]] = {}
    for (country, arm), result in tested.results.items():
        arms.setdefault(country, {})[arm] = scoring.split(result, records[country], PARTS)
    return Outputs(arms=arms, records=records, task=ready.run.task)


def sums(of: Outputs, country: str, part: Part, output: Array) -> Sums:
    """The headline's sums of one forecast, in natural units."""
    records = of.records[country]
    forecast = of.task.forecast(output, records.windows[part])
    return next(iter(of.task.scores.values())).sums(records.evaluated(part, forecast))


def value(of: Outputs, *parts: Sums) -> float:
    """The headline over all horizons; smaller is better."""
    return float(next(iter(of.task.scores.values())).estimate(merge(parts)).value[-1])


def mixed(shared: Array, own: Array, share: float) -> Array:
    """Quantiles between two forecasts, in model units."""
    return np.asarray(share * shared + (1 - share) * own)


def shares_of(of: Outputs, country: str, shared: Array, own: Array) -> dict[str, float]:
    """Rule -> share of the shared model, by the validation years alone. shared, own: forecasts of these years.

    best: the share that would have been best, of equals the smallest. shrunk: so much of it as the number of years and
    values lets believe. clear: the best, where the mix was then clearly better than the own model, and none elsewhere.
    """
    scores = [value(of, sums(of, country, "validation", mixed(shared, own, share))) for share in SHARES]
    if not np.isfinite(scores).all():
        return dict.fromkeys(RULES, 0.0)
    best = float(SHARES[int(np.argmin(scores))])
    records, score = of.records[country], next(iter(of.task.scores.values()))
    windows = records.windows["validation"]
    pair = (
        records.evaluated("validation", of.task.forecast(output, windows)) for output in (mixed(shared, own, best), own)
    )
    difference = paired_interval(blocks(score, *pair), 2)
    clear = difference["count"][-1] > 0 and difference["high"][-1] < 0
    believed = float(trust(Past(target=windows.target, due=windows.due), AdaptationSettings()).mean())
    return dict(zip(RULES, (best, believed * best, best if clear else 0.0), strict=True))


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One run. region: arm -> log-WIS. worse: rule -> country -> how much worse than alone its mix is, a share of 1."""

    region: Mapping[str, float]
    worse: Mapping[str, Mapping[str, float]]
    shares: Mapping[str, Mapping[str, float]]


def draw(noised: Outputs, alone: Outputs) -> Draw:
    """The shared model, each country's own, and their mix, in the test."""
    by_arm: dict[str, list[Sums]] = {"shared": [], "own": [], **{rule: list[Sums]() for rule in RULES}}
    worse: dict[str, dict[str, float]] = {rule: {} for rule in RULES}
    shares: dict[str, dict[str, float]] = {rule: {} for rule in RULES}
    for country, arms in noised.arms.items():
        shared, own = arms["federated"], alone.arms[country].get("local")
        if own is None or not np.isfinite(noised.records[country].windows["test"].target).any():
            continue
        chosen = shares_of(noised, country, shared["validation"], own["validation"])
        tested = {rule: mixed(shared["test"], own["test"], share) for rule, share in chosen.items()}
        tested |= {"shared": shared["test"], "own": own["test"]}
        scored = {arm: sums(noised, country, "test", output) for arm, output in tested.items()}
        for rule, share in chosen.items():
            worse[rule][country] = value(noised, scored[rule]) / value(noised, scored["own"]) - 1
            shares[rule][country] = share
        for arm, each in scored.items():
            by_arm[arm].append(each)
    return Draw(region={arm: value(noised, *each) for arm, each in by_arm.items()}, worse=worse, shares=shares)


def bench(words: Mapping[str, str], settings: Settings, alone: Outputs) -> Iterator[dict[str, Any]]:
    """A row an epsilon."""
    for epsilon in map(float, words.get("epsilons", "inf,8,4,2,1").split(",")):
        many = int(words.get("draws", "5")) if np.isfinite(epsilon) else 1
        draws = [draw(outputs(settings, words["start_from"], epsilon), alone) for _ in range(many)]
        yield {
            "epsilon": epsilon,
            "region": {arm: [each.region[arm] for each in draws] for arm in draws[0].region},
            "worse": {rule: _by_country([each.worse[rule] for each in draws]) for rule in RULES},
            "shares": {rule: _by_country([each.shares[rule] for each in draws]) for rule in RULES},
        }


def _by_country(draws: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {country: [each[country] for each in draws] for country in draws[0]}


def line(row: Mapping[str, Any]) -> str:
    """A row in words."""
    arms = [f"{arm} {np.mean(v):.4f} [{min(v):.4f}, {max(v):.4f}]" for arm, v in row["region"].items()]
    lines = [f"epsilon {row['epsilon']:g}: {', '.join(arms)}"]
    for rule, worse in row["worse"].items():
        means = {country: 100 * float(np.mean(values)) for country, values in worse.items()}
        worst, single = max(means, key=lambda country: means[country]), 100 * max(map(max, worse.values()))
        over = ", ".join(f"{country} {mean:+.1f}" for country, mean in means.items())
        lines.append(f"    {rule} against own, %: worst {worst} {means[worst]:+.1f}, any draw {single:+.1f} ({over})")
    return "\n".join(lines)


def main() -> None:
    """Exit code 1 for words that are no keys."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    words = dict(word.split("=", 1) for word in sys.argv[1:])
    rest = [f"{key}={value}" for key, value in words.items() if key not in ("epsilons", "draws", "start_from", "out")]
    data = [f"{key}={value}" for key, value in words.items() if key == "data" or key.startswith("task.calendar")]
    known: list[Any] = []
    compose("simulate", [*OWN_RUN, *data], Settings, known.append)
    compose("simulate", ["recipe=dengue_noised", *rest], Settings, known.append)
    alone = outputs(known[0], None, None)
    rows = []
    for row in bench(words, known[1], alone):
        rows.append(row)
        print(line(row), flush=True)
    if "out" in words:
        Path(words["out"]).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
