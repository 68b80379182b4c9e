"""Where a federation stands between two rounds, and who wants to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from federation.coordinator.claims import Claim
from federation.reporting.rows import Point, Row
from federation.settings.plan import Plan
from federation.settings.schema import Settings
from federation.strategies.strategy import Part

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Federation:
    """One run as the coordinator knows it.

    nodes: country -> Flower node, from enrolment; a node's own claim of who it is counts for nothing.
    keys: country -> public key of its vault, for sealed runs.
    averaged: of a refit, the numbers of rounds done whose models are averaged at the end, as its fold chose them; None:
    the best by validation.
    declared: country -> the largest counts that its signed terms declare for this run; of one that declares none, a
    reply is held to the largest panel that any country could have.
    champion: weights of the model that is compared with, of those that travel; none: nothing is.
    initial: weights of a file with which every arm begins, of those that travel; none: the seed's.
    """

    run: str
    plan: Plan
    settings: Settings
    nodes: Mapping[str, int]
    checkpoint: Path
    declared: Mapping[str, Claim] = field(default_factory=dict)
    keys: Mapping[str, bytes] = field(default_factory=dict)
    averaged: tuple[int, ...] | None = None
    champion: Arrays = field(default_factory=dict)
    initial: Arrays = field(default_factory=dict)

    @property
    def learning(self) -> Mapping[str, int]:
        """Those of `nodes` that are trained on: a country held out is served and scored at the end, and no sooner."""
        return {country: node for country, node in self.nodes.items() if country not in self.plan.hold_out}

    @property
    def region(self) -> str:
        """What tables call all countries together."""
        return self.settings.region.name


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model that could be the final one. value: its rank by the countries' validation, smaller is better."""

    round: int
    value: float
    model: Arrays


@dataclass(frozen=True, kw_only=True)
class Progress:
    """After `round` rounds: the model, what the strategy shares with it, and what the server half remembers.

    losses, first_losses: country -> its own validation loss of the model before the last round, and of the first model
    that was scored.
    """

    round: int
    model: Arrays
    shared: Arrays = field(default_factory=dict)
    server: Arrays = field(default_factory=dict)
    examples: Mapping[str, int] = field(default_factory=dict)  # country -> training examples, as it last said
    last_aggregated: Mapping[str, int] = field(default_factory=dict)  # country -> the last round its update was part of
    best: tuple[Candidate, ...] = ()
    losses: Mapping[str, float] = field(default_factory=dict)
    first_losses: Mapping[str, float] = field(default_factory=dict)
    records: Mapping[str, str] = field(default_factory=dict)  # country -> fingerprint of its records, where it says one
    board: Arrays = field(default_factory=dict)  # of a sealed run: what was published, as bytes
    tracked_bytes: int = 0  # bytes of the tracking spool that belong to these rounds


@dataclass(frozen=True, kw_only=True)
class ReplySummary:
    """What one country's reply came to. `refused` says why it does not count, `remark` what was odd about it.

    flags: what a person should know of an update that counts. cosine: of it with the centre of all, where there are
    enough. sealed: nobody but the country knows what its reply holds, nor whether there is an update in it.
    """

    country: str
    examples: int = 0
    loss: float | None = None
    norm: float | None = None
    sent: int = 0  # bytes
    received: int = 0  # bytes
    fingerprint: str = ""
    suppressed: tuple[str, ...] = ()
    epsilon: float | None = None  # that the run has cost the country under differential privacy, with its test
    refused: str | None = None
    remark: str | None = None
    flags: tuple[str, ...] = ()
    cosine: float | None = None
    sealed: bool = False

    @property
    def counts(self) -> bool:
        """Whether an update of it is in the round, as far as anybody knows."""
        return (self.examples > 0 or self.sealed) and not self.refused


@dataclass(frozen=True, kw_only=True)
class Updates:
    """Of one round, in memory alone: what it started from, and every country's own update. countries: of the region."""

    before: Progress
    parts: Mapping[str, Part]
    countries: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """One round: summaries of the replies, and the validation scores of the model that the round started from.

    region: what tables call all countries together. alarm: a sentence, where many got worse by the round before.
    updates: of the countries, where the run's `credit` wants them and they were not summed; nobody else reads them.
    """

    round: int
    rounds: int
    summaries: Sequence[ReplySummary]
    rows: Sequence[Row]
    region: str = ""
    alarm: str | None = None
    updates: Updates | None = None


class Watch(Protocol):
    """Who follows a run: a screen, a tracker."""

    def round(self, report: Report) -> None:
        """A round was aggregated."""

    def flush(self) -> int:
        """Make the reports so far durable; its length in bytes goes into the checkpoint."""

    def commit(self) -> None:
        """The checkpoint stands: the reports so far are final, and may be sent on."""


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """Of one country to what the model gained on validation, in the headline's unit; above 0: made it better.

    shapley: its share, with one standard error of the sample. left_out: what is lost where it alone is left out.
    """

    country: str
    shapley: float
    error: float
    left_out: float


@dataclass(frozen=True, kw_only=True)
class Credit:
    """start, end: the region's headline on validation of the first and the last model, the larger the better.

    models: how many were made of groups of updates and scored; seconds: how long that took.
    """

    start: float
    end: float
    models: int
    seconds: float
    countries: tuple[Contribution, ...]

    @property
    def gained(self) -> bool:
        """Whether there is anything to share out."""
        return self.end > self.start

    def share(self, value: float) -> float:
        """Of what the model gained, in %; NaN where it gained nothing."""
        return 100 * value / (self.end - self.start) if self.gained else nan


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a run: the final model, the test's scores, and summaries of the replies to it.

    rows: of the test. paired: differences of arms in it. excluded: of its excluded period.
    validation: of the final model. alarms: sentences on the region as a whole. credit: where a simulation asked for it.
    """

    progress: Progress
    model: Arrays
    rows: Sequence[Row]
    paired: Sequence[Row]
    excluded: Sequence[Row]
    curves: Sequence[Point]
    validation: Sequence[Row]
    summaries: Sequence[ReplySummary]
    alarms: tuple[str, ...] = ()
    credit: Credit | None = None
