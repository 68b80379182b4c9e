"""The part of a run's settings that travels to every country."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from federation.errors import ConfigError
from federation.settings.checks import one_of, within
from federation.settings.parts import (
    AdaptationSettings,
    PrivacySettings,
    StrategySettings,
    TrainingSettings,
    TuningSettings,
)
from federation.wire.compression import TRANSPORTS
from tasks.settings import TaskSettings

ADAPTED = ("adapted", "local_adapted", "local_pair")  # made in the vault from the final forecasts, for the test alone
POOLED = "pooled"  # one model on all countries' records together: in a simulation only, and never in a plan
MOST_LOCAL = 100  # countries with settings of their own; a vault checks each of them before it serves
ISSUED = "issued"  # the mix that a country hands on, of its models and its strongest baseline; made like ADAPTED
ARMS = ("federated", "local", "personalised", *ADAPTED, ISSUED)
CHAMPION = "champion"  # an earlier run's model, scored with a test
INITIAL = "initial"  # weights of a file with which every arm begins
SEALED, NOISED = "sealed", "differential_privacy"
PROTECTION: dict[str, tuple[str, ...]] = {  # value of `protection` -> what such a run offers
    "none": (),
    SEALED: (SEALED,),
    NOISED: (NOISED,),
    f"{SEALED}+{NOISED}": (SEALED, NOISED),
}


@dataclass
class Plan:
    """Everything a vault needs to know of a run; it holds no secret and no path, for every country receives it."""

    task: TaskSettings
    strategy: StrategySettings
    training: TrainingSettings = field(default_factory=TrainingSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)
    arms: list[str] = field(default_factory=lambda: ["federated", "local"])  # models that are scored: see docs
    rounds: int = 12  # of training
    keep_best: int = 3  # rounds whose models are averaged at the end, the best by validation, in both arms; 0: the last
    transport: str = "float32"  # float32 | bf16 | int8: how weights and updates travel; a simulation rounds them too
    protection: str = "none"  # a key of PROTECTION: what a run offers to the policies that ask for it
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    hold_out: list[str] = field(default_factory=list)  # countries that are served and scored, but never trained on
    champion_part: str = ""  # test | validation: where a champion is compared; empty: nowhere. `champion` sets both
    champion_digest: str = ""  # of its weights
    initial_digest: str = ""  # of weights with which every arm begins, see `initial_weights`; empty: the seed's
    record_years: int | None = None  # training years that are used, to see what a short record costs; none: all
    record_of: list[str] = field(default_factory=list)  # countries whose records are cut so; none named: all
    local: dict[str, dict[str, Any]] = field(default_factory=dict)  # country -> settings of its own model alone
    packages: dict[str, str] = field(default_factory=dict)  # of other people -> version and digest; a run sets it
    fold: str = ""  # of a refit: the run whose rounds, weights of models and corrections it takes as they are
    seed: int = 1  # of first weights, order and synthetic records

    def check(self) -> None:
        """Raise ConfigError or SettingError for a value out of range."""
        for part in (self.task, self.strategy, self.training, self.tuning, self.adaptation, self.privacy):
            part.check()
        for arm in self.arms:
            one_of("arms", arm, ARMS)
        if "federated" not in self.arms or len(set(self.arms)) < len(self.arms):
            raise ConfigError(f"arms={self.arms} must name federated, and every arm once")
        for arm in self.arms:
            if arm in (*ADAPTED, ISSUED) and "local" not in self.arms:
                raise ConfigError(f"arms={self.arms}: {arm} needs the country's own model; add local")
        if "adapted" in self.arms and self.adaptation.base not in self.arms:
            raise ConfigError(f"arms={self.arms}: adapted needs adaptation.base; add {self.adaptation.base}")
        if len(self.local) > MOST_LOCAL:
            raise ConfigError(f"local names {len(self.local)} countries; name {MOST_LOCAL} at most")
        if bool(self.fold) != self.task.calendar.refit:
            raise ConfigError(
                f"fold={self.fold!r} and task.calendar.refit={self.task.calendar.refit} go together; "
                f"purpose=operational sets both, leave them out"
            )
        one_of("transport", self.transport, TRANSPORTS)
        one_of("champion_part", self.champion_part, ("", "test", "validation"))
        if bool(self.champion_part) != bool(self.champion_digest):
            raise ConfigError("champion_part and champion_digest go together; leave them out, champion=RUN sets both")
        if self.champion_part and is_noised(self):
            raise ConfigError("champion_part: no score of a champion leaves under differential privacy; leave it out")
        self.check_initial()
        one_of("protection", self.protection, tuple(PROTECTION))
        within("rounds", self.rounds, 1, 100_000)
        within("keep_best", self.keep_best, 0, 100)
        if self.record_years is not None:
            within("record_years", self.record_years, 1, 1000)
        within("seed", self.seed, 0, 2**31 - 1)

    def record_years_of(self, country: str) -> int | None:
        """Training years of a country that are used; None: all."""
        return self.record_years if not self.record_of or country in self.record_of else None

    def check_initial(self) -> None:
        """Raise ConfigError for a plan in which weights of a file would not be the first ones of every arm."""
        refused = {
            f"transport={self.transport}, which rounds them: write transport=float32": self.transport != "float32",
            f"local, which gives {len(self.local)} of the countries models that need not fit the file: write '~local', "
            "and all arms have one model": bool(self.local),
        }
        for key in (key for key, given in refused.items() if given and self.initial_digest):
            raise ConfigError(
                f"initial_weights ({self.initial_digest[:16]}) does not go with {key}; or leave initial_weights out"
            )


def is_noised(plan: Plan) -> bool:
    """Whether all that leaves a country carries noise that hides any one of its places."""
    return NOISED in PROTECTION[plan.protection]


def compared(plan: Plan, baselines: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of arms whose scores are compared: what was learnt together, and what a country has alone.

    None where each country is cut at its own end: a difference would not say that it flatters.
    """
    if plan.task.calendar.unaligned:
        return []
    champion = [("federated", CHAMPION)] if plan.champion_part else []
    alone = [arm for arm in ("local", "local_adapted", "local_pair") if arm in plan.arms]
    learnt = [arm for arm in ("federated", "adapted", ISSUED) if arm in plan.arms]
    pairs = [(arm, other) for arm in learnt for other in (*alone, *baselines)]
    return [*pairs, *([(ISSUED, "adapted")] if {ISSUED, "adapted"} <= {*learnt} else []), *champion]
