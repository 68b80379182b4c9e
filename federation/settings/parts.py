"""Parts of a run's settings, each with what a value may be. Not frozen: Hydra merges schemas."""

from dataclasses import dataclass, field

from federation.errors import ConfigError
from federation.settings.address import check_driver, shown
from federation.settings.checks import one_of, within


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
