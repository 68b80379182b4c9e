"""The run's settings. Tasks and strategies own their part; the rest is here. Not frozen: Hydra merges schemas.

`Plan` travels to every country; `Settings` adds what stays with the person who starts the run.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from math import ceil
from typing import Any

from federation.errors import ConfigError
from federation.settings.address import check_driver, shown
from federation.settings.checks import nearest, one_of, within
from federation.settings.region import RegionSettings
from federation.wire.compression import TRANSPORTS
from tasks.places.countries import problem_with
from tasks.places.facilities import country_of
from tasks.settings import TaskSettings

PRECISIONS = ("float32", "tf32", "bf16")
ADAPTED = ("adapted", "local_adapted", "local_pair")  # made in the vault from the final forecasts, for the test alone
POOLED = "pooled"  # one model on all countries' records together: in a simulation only, and never in a plan
MOST_LOCAL = 100  # countries with settings of their own; a vault checks each of them before it serves
ISSUED = "issued"  # the mix that a country hands on, of its models and its strongest baseline; made like ADAPTED
ARMS = ("federated", "local", "personalised", *ADAPTED, ISSUED)
CHAMPION = "champion"  # an earlier run's model, scored with a test
INITIAL = "initial"  # weights of a file with which every arm begins
SEALED, NOISED = "sealed", "differential_privacy"
STUDY, OPERATIONAL = "study", "operational"  # purposes: scored on years that follow; trained to the newest period
LATEST = "latest"
AUTO = "auto"
MOST_CREDITED = 50  # countries of which `credit` says what each contributed
AT_NODES = "at the nodes"  # the value of `data` of a run whose records are the countries' own
PROTECTION: dict[str, tuple[str, ...]] = {  # value of `protection` -> what such a run offers
    "none": (),
    SEALED: (SEALED,),
    NOISED: (NOISED,),
    f"{SEALED}+{NOISED}": (SEALED, NOISED),
}


@dataclass
class StrategySettings:
    """What every strategy lets a run choose; each strategy adds its own keys."""

    name: str = ""
    weights: str = "examples"  # examples | sqrt | equal: how much a country's update counts
    largest_share: float | None = 2.0  # times the median weight of a round, at most, a country counts; none: unbounded
    server_step: float = 1.0  # share of the way from the old model to the aggregate; 1 takes the aggregate
    private: list[str] = field(default_factory=list)  # weights that never leave a country, such as "head.*"

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        one_of("strategy.weights", self.weights, ("examples", "sqrt", "equal"))
        if self.largest_share is not None:
            within("strategy.largest_share", self.largest_share, 1, 1e9)
        within("strategy.server_step", self.server_step, 0, 10, above=True)


@dataclass
class TrainingSettings:
    """How a country trains between two rounds."""

    optimizer: str = "adamw"  # adamw | sgd
    lr: float = 2e-3  # learning rate at the first round
    schedule: str = "cosine"  # cosine | constant, over the rounds of the run
    momentum: float = 0.0  # sgd only
    weight_decay: float = 0.01  # adamw only
    epochs: int | None = 2  # passes over its records a round; none: `steps` says how long
    steps: int | None = None  # optimiser steps a round, the same of every country; none: as many as `epochs` take
    batch_size: int = 64  # examples of one step
    clip_gradient: float | None = 1.0  # largest gradient norm of a step
    clip_example: float | None = None  # largest gradient norm of one example, before a step takes their mean

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        one_of("training.optimizer", self.optimizer, ("adamw", "sgd"))
        one_of("training.schedule", self.schedule, ("cosine", "constant"))
        within("training.lr", self.lr, 0, 10, above=True)
        within("training.momentum", self.momentum, 0, 0.999)
        within("training.weight_decay", self.weight_decay, 0, 10)
        if self.epochs is not None and self.steps is not None:
            raise ConfigError(
                f"training.epochs={self.epochs} and training.steps={self.steps} exclude each other; "
                f"set training.epochs=null or training.steps=null"
            )
        if self.epochs is None and self.steps is None:
            raise ConfigError("training.epochs=null needs training.steps; set one of the two")
        if self.epochs is not None:
            within("training.epochs", self.epochs, 1, 1000)
        if self.steps is not None:
            within("training.steps", self.steps, 1, 1_000_000)
        within("training.batch_size", self.batch_size, 1, 1_000_000)
        if self.momentum and self.optimizer != "sgd":
            raise ConfigError(
                f"training.momentum={self.momentum} is of sgd, {self.optimizer} has its own; "
                f"set training.momentum=0 or training.optimizer=sgd"
            )
        if self.clip_gradient is not None:
            within("training.clip_gradient", self.clip_gradient, 0, 1e9, above=True)
        if self.clip_example is not None:
            within("training.clip_example", self.clip_example, 0, 1e9, above=True)


@dataclass
class TuningSettings:
    """How a country trains the final model on for itself (the arm `personalised`); the outcome stays in its vault."""

    epochs: int = 2  # passes over its records
    lr: float = 1e-4  # learning rate

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        within("tuning.epochs", self.epochs, 1, 1000)
        within("tuning.lr", self.lr, 0, 10, above=True)


@dataclass
class AdaptationSettings:
    """How a country adapts the final forecasts to itself (the arms `adapted`, `local_adapted`, `local_pair`)."""

    base: str = "federated"  # federated | personalised: whose forecast is mixed with the local one
    share: float = 0.5  # of it in the mix
    prior: float = 200.0  # values of the validation years that weigh as much as no correction at all
    years: float = 2.0  # validation years that do; errors of one year are correlated, however many there are
    largest: float = 0.5  # correction, in the model's own unit
    centre: bool = True  # whether corrections may move the middle of a forecast; without, its spread alone
    by_horizon: bool = False  # whether `issued` has shares of each horizon, drawn to those of all; without, one of all

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        one_of("adaptation.base", self.base, ("federated", "personalised"))
        within("adaptation.share", self.share, 0, 1)
        within("adaptation.prior", self.prior, 0, 1e9)
        within("adaptation.years", self.years, 0, 1000)
        within("adaptation.largest", self.largest, 0, 1e3)


@dataclass
class PrivacySettings:
    """Of a run under differential privacy: how much noise every country adds before anything leaves it."""

    epsilon: float = 2.0  # of all rounds together, for each country; smaller is more private and noisier
    delta: float = 1e-5  # the chance that epsilon does not hold
    clip: float = 0.5  # largest L2 norm of the mean gradient of one place
    lr: float = 1.0  # length of a round's step along the noised mean gradient, by the schedule of `training`
    score_epsilon: float = 1.0  # of the one score that leaves with the test
    score_clip: float = 0.8  # the largest score of one place

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        within("privacy.epsilon", self.epsilon, 0.01, 50)
        within("privacy.delta", self.delta, 1e-12, 1e-2)
        within("privacy.clip", self.clip, 1e-6, 1e6)
        within("privacy.lr", self.lr, 0, 1e6, above=True)
        within("privacy.score_epsilon", self.score_epsilon, 0.01, 50)
        within("privacy.score_clip", self.score_clip, 1e-6, 1e9)


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


@dataclass
class TrackingSettings:
    """Where experiments are tracked."""

    name: str = "mlflow"  # mlflow | none
    uri: str = ""  # empty: an SQLite store under <runs>/mlflow
    experiment: str = "gotong"
    patience: float = 30.0  # seconds to wait at the end for rows not yet sent

    def __post_init__(self) -> None:
        self.uri = shown(self.uri)  # from here on without its password, whoever prints or writes it

    def check(self) -> None:
        """Raise ConfigError for a value out of range."""
        one_of("tracking.name", self.name, ("mlflow", "none"))
        within("tracking.patience", self.patience, 0, 3600)
        if self.name == "mlflow":
            check_driver(self.uri)


@dataclass
class Settings(Plan):
    """A whole run, as composed by Hydra and type-checked; no DictConfig passes the command line."""

    purpose: str = STUDY  # study: scored on years that follow; operational: trained to the newest period, to forecast
    until: str | None = None  # of purpose=operational, the last period trained on, such as 2024-06; none: latest
    calendar: str = "set"  # set: task.calendar as it is; auto: moved so that its test ends where most records do
    region: RegionSettings = field(default_factory=RegionSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    quorum: int = 2  # fewest countries whose updates make a round; 1 lets one country's update become the model
    quorum_share: float = 0.0  # smallest share of the region's known training examples that a round must rest on
    participation: float = 1.0  # share of the region that is sent a request in a round
    availability: float = 1.0  # chance that such a country is online; imitates nodes that come and go
    deadline: float | None = None  # seconds a round may take; none: as long as it takes
    retries: int = 1  # times a country that did not reply is sent the request again within the deadline
    start_from: str | None = None  # a finished run whose model is trained on
    initial_weights: str | None = None  # a file of weights with which every arm begins, see `gotong pretrain`
    champion: str | None = None  # a finished run whose model the test scores too, and compares with this one's
    start_from_weights: list[str] = field(default_factory=lambda: ["*"])  # which of its weights, such as "layers.*"
    sweep: str | None = None  # names the runs of a sweep; the same sweep again continues where it was
    energy: str | None = None  # ISO code of the country on whose grid this machine runs, to count energy and carbon
    credit: bool = False  # say what each country contributed, by models of groups of them; a simulation's alone
    credit_models: int = 3000  # most models that `credit` scores in a run; with fewer, its errors are larger
    engine: str = "sequential"  # sequential | cohort | compiled | auto: one by one, many a step, or what is faster here
    device: str = "cpu"  # cpu | cuda | cuda:1: where a simulation trains; a node sets its own with `gotong node`
    precision: str = "float32"  # float32 | tf32 | bf16, of the matrix products of a simulation
    data: str | None = None  # folder with one folder a country; none: synthetic member states
    runs: str = "runs"  # everything a run leaves lies under this folder
    name: str | None = None  # of the run; none: task, strategy, seed and time
    out: str | None = None  # JSON file for the table
    resume: str | None = None  # a run to continue

    def plan(self) -> Plan:
        """The part that travels. The pooled arm stays: it is a simulation's, which holds all records."""
        values = {each.name: getattr(self, each.name) for each in fields(Plan)}
        return Plan(**{**values, "arms": [arm for arm in self.arms if arm != POOLED]})

    def members(self) -> list[str]:
        """The region's countries that may take part, as far as that is known before a run."""
        return self.region.countries

    def check(self) -> None:
        """Raise ConfigError or SettingError for what no run can use; called before any data are read."""
        self.plan().check()
        self.tracking.check()
        one_of("purpose", self.purpose, (STUDY, OPERATIONAL))
        one_of("calendar", self.calendar, ("set", AUTO))
        self.check_calendar()
        self.check_purpose()
        if self.champion is not None and is_noised(self):
            raise ConfigError(
                f"champion={self.champion}: no score of it leaves under differential privacy; leave it out"
            )
        one_of("engine", self.engine, ("sequential", "cohort", "compiled", "auto"))
        one_of("precision", self.precision, PRECISIONS)
        if self.device == "auto":
            raise ConfigError("device=auto could change when a run is resumed; write device=cpu or device=cuda")
        within("quorum", self.quorum, 1, 100_000)
        within("quorum_share", self.quorum_share, 0, 1)
        within("participation", self.participation, 0, 1, above=True)
        within("availability", self.availability, 0, 1, above=True)
        within("retries", self.retries, 0, 100)
        if self.deadline is not None:
            within("deadline", self.deadline, 0, 1e7, above=True)
        if self.start_from is None and self.start_from_weights != ["*"]:
            raise ConfigError(f"start_from_weights={self.start_from_weights} needs a run: set start_from=RUN")
        if self.initial_weights is not None and self.start_from is not None:
            raise ConfigError(
                f"initial_weights={self.initial_weights} and start_from={self.start_from} exclude each other; leave "
                f"one out"
            )
        if not self.start_from_weights:
            raise ConfigError("start_from_weights=[] takes nothing; name weights, such as [layers.*], or leave it out")
        self.region.check()
        clients = len(self.region.clients())
        for key, named in (("hold_out", self.hold_out), ("record_of", self.record_of)):
            for country in set(named) - set(self.region.clients()):
                raise ConfigError(f"{key}={country} does not take part; {nearest(country, self.region.clients())}")
        for country in self.local:  # it may name more than take part, as a recipe for all does
            if wrong := problem_with(country_of(country)):
                raise ConfigError(f"local: {wrong}")
        if self.data is not None and self.region.facilities:
            raise ConfigError("region.facilities makes synthetic records and data= brings real ones; leave one out")
        if self.data is None and self.quorum > clients:
            who = "facilities" if self.region.facilities else "countries"
            raise ConfigError(
                f"quorum={self.quorum} is larger than the region of {clients} {who}; set quorum to {clients} or less"
            )
        if self.data is None:
            self.check_sampled(clients)
        if SEALED in PROTECTION[self.protection]:
            self.check_sealed()
        if self.credit:
            self.check_credit(clients)
        if self.energy is not None and (wrong := problem_with(self.energy)):
            raise ConfigError(f"energy: {wrong}")
        if self.keep_best and min(self.participation, self.availability) < 1:
            raise ConfigError(
                f"keep_best={self.keep_best} compares rounds by their scores, which are of other countries each with "
                f"participation={self.participation} and availability={self.availability}; set keep_best=0"
            )

    @property
    def is_refit(self) -> bool:
        """Whether this is the second run of an operational pair, which is trained on all records."""
        return bool(self.fold)

    def check_calendar(self) -> None:
        """Raise ConfigError for what calendar=auto cannot be with."""
        calendar = self.task.calendar
        refused = {
            "purpose=operational, which has until=latest": self.purpose == OPERATIONAL,
            "task.calendar.unaligned": calendar.unaligned,
            "task.calendar.excluded_period": bool(calendar.excluded_period),
            f"protection={self.protection}, under which no country says when its records end": bool(
                PROTECTION[self.protection]
            ),
        }
        for key in (key for key, given in refused.items() if given and self.calendar == AUTO):
            raise ConfigError(f"calendar=auto does not go with {key}; leave one out")

    def check_purpose(self) -> None:
        """Raise ConfigError for what an operational run cannot be, or no other."""
        if self.purpose == STUDY:
            if self.until is not None or self.fold:
                raise ConfigError(
                    f"until={self.until} and fold={self.fold!r} are of purpose=operational; leave them out"
                )
            return
        calendar = self.task.calendar
        refused = {
            "arms with pooled": POOLED in self.arms,
            "task.calendar.unaligned": calendar.unaligned,
            "task.calendar.excluded_period": bool(calendar.excluded_period),
            "region.facilities": bool(self.region.facilities),
            "sweep": self.sweep is not None,
            f"protection={self.protection}": self.protection != "none",
        }
        for key in (key for key, given in refused.items() if given):
            raise ConfigError(f"{key} is of purpose=study alone; leave it out of purpose=operational")

    def check_credit(self, clients: int) -> None:
        """Raise ConfigError where nobody can take updates apart, or a model is not whole without what homes keep."""
        if self.protection != "none":
            raise ConfigError(f"credit=true needs each country's update, which protection={self.protection} hides")
        if self.strategy.private:
            raise ConfigError(f"credit=true scores whole models; set strategy.private=[], not {self.strategy.private}")
        within("credit_models", self.credit_models, 1, 10_000_000)
        if clients > MOST_CREDITED:
            raise ConfigError(f"credit=true is of {MOST_CREDITED} countries at most, and the region has {clients}")

    def check_sealed(self) -> None:
        """Raise ConfigError for what a sealed run cannot do."""
        if min(self.participation, self.availability) < 1:
            raise ConfigError(
                f"participation={self.participation} and availability={self.availability}: a sealed run asks every "
                f"country in every round; leave them out"
            )
        if self.region.facilities:
            raise ConfigError("region.facilities: members of a sealed run are countries; leave it out")

    def check_sampled(self, clients: int) -> None:
        """Raise ConfigError if so few of the clients are sampled in a round that they can be no quorum."""
        sampled = max(1, ceil(self.participation * clients))
        if self.quorum > sampled:
            raise ConfigError(
                f"quorum={self.quorum} can never be reached: participation={self.participation} samples {sampled} of "
                f"{clients} in a round; set quorum to {sampled} or less, or raise participation"
            )

    def check_deployable(self) -> None:
        """Raise ConfigError for what only a simulation can do, where all records are on one machine."""
        if self.credit:
            raise ConfigError("credit=true needs all countries' records on one machine; leave it out")
        if POOLED in self.arms:
            raise ConfigError("arms: pooled needs all countries' records on one machine; leave it out")


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
