"""The run's settings. Tasks and strategies own their part; the rest is here. Not frozen: Hydra merges schemas.

`Plan` travels to every country; `Settings` adds what stays with the person who starts the run.
"""

from dataclasses import dataclass, field, fields
from math import ceil

from federation.errors import ConfigError
from federation.settings.checks import nearest, one_of, within
from federation.settings.parts import (
    TrackingSettings,
)
from federation.settings.plan import POOLED, PROTECTION, SEALED, Plan, is_noised
from federation.settings.region import RegionSettings
from tasks.places.countries import problem_with
from tasks.places.facilities import country_of

PRECISIONS = ("float32", "tf32", "bf16")
STUDY, OPERATIONAL = "study", "operational"  # purposes: scored on years that follow; trained to the newest period
LATEST = "latest"
AUTO = "auto"
MOST_CREDITED = 50  # countries of which `credit` says what each contributed
AT_NODES = "at the nodes"  # the value of `data` of a run whose records are the countries' own


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
        """Raise ConfigError where nobody sees single updates, or a model is not whole without what homes keep."""
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
