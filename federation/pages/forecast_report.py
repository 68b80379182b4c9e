"""An issued forecast with every number that its page shows, made in the country from the country's own records."""

import json
from dataclasses import asdict, dataclass, field

from federation.errors import ConfigError
from federation.settings.values import build
from tasks.products.cap import LIKELY

MOST_CHARTS = 24  # places with a chart: a page stays small enough to send


@dataclass(frozen=True, kw_only=True)
class Step:
    """A period that is forecast. chance: of the event. coming: whether it was not over when the forecast was sent.

    quantiles: at 0.05, 0.25, 0.5, 0.75 and 0.95; none of a task that forecasts chances. level: from where on it is an
    event, in the target's unit.
    """

    due: str
    coming: bool
    chance: float | None
    level: float | None = None
    quantiles: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Outlooks:
    """A place: its last periods on record (`seen` has None where nothing was reported), and its forecast."""

    place: str
    name: str
    until: str
    age: int
    steps: list[Step]
    periods: list[str] = field(default_factory=list)
    seen: list[float | None] = field(default_factory=list)

    @property
    def ahead(self) -> list[Step]:
        """The periods that are not over; all, where all are: a forecast as of an earlier month."""
        return [step for step in self.steps if step.coming] or self.steps

    @property
    def highest(self) -> Step | None:
        """The period ahead with the largest chance."""
        known = [step for step in self.ahead if step.chance is not None]
        return max(known, key=lambda step: step.chance or 0.0, default=None)


@dataclass(frozen=True, kw_only=True)
class Change:
    """Of the chance in a period that the last forecast was about too."""

    place: str
    name: str
    due: str
    before: float
    now: float


@dataclass(frozen=True, kw_only=True)
class Since:
    """The last forecast, and the largest changes since. risen, fallen: places and periods whose chance moved by a
    tenth or more, of `both`, which are in both forecasts."""

    sent: str
    until: str
    model: str
    both: int
    risen: int
    fallen: int
    changes: list[Change]


@dataclass(frozen=True, kw_only=True)
class Came:
    """What became of a forecast: observed, in the target's unit; None of a task whose target is the event itself.

    happened: whether it was an event; None where nobody knows what one was. low, middle, high: of the forecast, where
    it has quantiles: 9 in 10 outcomes lie between low and high.
    """

    place: str
    name: str
    due: str
    chance: float | None
    happened: bool | None
    observed: float | None = None
    low: float | None = None
    middle: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An earlier forecast against what is on record now. n: places and periods; within: in the band of 9 in 10, of
    `banded`; happened: events, of `known`, where `expected` is the sum of their chances. rows: the largest chance
    first."""

    sent: str
    until: str
    model: str
    n: int
    within: int
    banded: int
    happened: int
    known: int
    expected: float
    rows: list[Came]


@dataclass(frozen=True, kw_only=True)
class ForecastReport:
    """Ages in months, or in what `step` says. act: the chance from which acting gains in the long run. places: those of
    the largest chance first.

    below: whether the event is a value below its level. since: the last forecast; checked: the last one of an earlier
    month, of which something is on record by now; None where there is none.
    """

    country: str
    task: str
    title: str
    event: str
    unit: str
    model: str
    sent: str
    as_of: str
    records_until: str
    records_age: int
    trained_until: str
    model_age: int
    act: float
    played: bool
    below: bool
    places: list[Outlooks]
    late: dict[str, str]
    left_out: dict[str, str]
    step: str = "month"
    since: Since | None = None
    checked: Checked | None = None


def text(report: ForecastReport) -> str:
    """As JSON."""
    return json.dumps(asdict(report), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def read(content: bytes, where: str) -> ForecastReport:
    """What `text` wrote. Raises ConfigError for anything else."""
    try:
        return build(ForecastReport, json.loads(content), where)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{where} is no report of a forecast ({error})") from None


def certainty(chance: float | None, act: float) -> str:
    """The key of a word for a chance, as the Common Alerting Protocol has it; unlikely below what acting pays from."""
    if chance is None:
        return "unknown"
    return "likely" if chance > LIKELY else "possible" if chance >= act else "unlikely"


def warned(report: ForecastReport) -> list[tuple[Outlooks, Step]]:
    """Places and periods with a chance from which acting pays, the largest first."""
    pairs = [(place, step) for place in report.places for step in place.ahead]
    kept = [pair for pair in pairs if pair[1].chance is not None and pair[1].chance >= report.act]
    return sorted(kept, key=lambda pair: -(pair[1].chance or 0.0))


def dues(report: ForecastReport) -> dict[str, bool]:
    """Every period that is forecast for any place, in order -> whether it is ahead."""
    ahead = {step.due for place in report.places for step in place.ahead}
    return {due: due in ahead for due in sorted({step.due for place in report.places for step in place.steps})}
