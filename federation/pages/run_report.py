"""What came out of a run, with every number that its page shows: `report.json`, made from the run's own folder.

So a page can be made of every finished run, wherever its vaults are: nothing is read but what the coordinator has.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from federation.errors import ConfigError
from federation.reporting.energy import ESTIMATED, MEASURED, Energy
from federation.settings.values import build

FILE = "report.json"
SCORED, WITHHELD, REFUSED, NO_RECORDS, NOT_SCORED, SEALED = (
    *("scored", "withheld", "refused", "no_records", "not_scored", "sealed"),
)
STATES = (SCORED, WITHHELD, REFUSED, NO_RECORDS, NOT_SCORED, SEALED)
WORDS = {  # what a page has words for
    "better": ("smaller", "larger", "nominal"),
    "unit": ("percent", "points"),
    "records": ("given", "synthetic"),
}
LARGEST = 1e15


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much better training together is than the own model, in the report's unit; below 0: worse.

    low, high: its 95 % interval; None where nobody knows it.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What a country contributed to a simulated run, in % of what the model gained on validation.

    share: Shapley's value, error: one standard error of it; left_out: what is lost where it alone is left out.
    """

    share: float
    error: float
    left_out: float


@dataclass(frozen=True, kw_only=True)
class Place:
    """A country, or the region. state: of its scores, one of SCORED ... SEALED; why: in the country's own words.

    sent, received: bytes. refused: rounds in which it did not count. epsilon: what differential privacy cost it.
    energy_wh: its part of a simulation's energy, allotted by the examples that it trained on.
    """

    code: str
    state: str
    why: str = ""
    own: float | None = None
    together: float | None = None
    gain: Gain | None = None
    n: int = 0
    sent: int = 0
    received: int = 0
    rounds: int = 0
    examples: int = 0
    refused: list[int] = field(default_factory=list)
    epsilon: float | None = None
    contributed: Contribution | None = None
    energy_wh: float | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """Of an arm in the region, with its 95 % interval."""

    arm: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Of an arm: step or probability, value, and how many it rests on where that is known."""

    arm: str
    x: list[float]
    y: list[float]
    n: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """See the words of the page for what each number means. unit: % or points, of every gain.

    first, last: of a study the periods after which and until which it was tested, of the fold of an operational pair
    those by which it chose. fold: of a refit, which has nothing left to be scored on, the run that chose for it.
    credit_models, credit_seconds: what it took to say what each country contributed.
    """

    run: str
    task: str
    title: str
    region: str
    score: str
    better: str
    unit: str
    first: str
    last: str
    records: str
    protection: str
    strategy: str
    planned_rounds: int
    seed: int
    version: str
    code: str
    whole: Place
    countries: list[Place]
    arms: list[Score]
    baselines: list[str]
    learning: list[Curve]
    event: str = ""
    horizon: str = ""
    reliability: list[Curve] = field(default_factory=list)
    weights: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    energy: Energy | None = None
    credit_models: int = 0
    credit_seconds: float = 0.0
    purpose: str = "study"
    fold: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def text(report: RunReport) -> str:
    """As JSON."""
    return json.dumps(asdict(report), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def read(path: Path) -> RunReport:
    """What `text` wrote, which somebody else may have changed. Raises ConfigError for what no page can show."""
    try:
        report = build(RunReport, json.loads(path.read_text("utf-8")), str(path))
        _check(report)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path} is no report of a run ({error}); make it again: gotong report run=RUN") from None
    return report


def _check(report: RunReport) -> None:
    """Raise ValueError for words without a meaning, numbers that are none, and curves without a point."""
    said = {key: str(getattr(report, key)) for key in WORDS}
    places = (report.whole, *report.countries)
    states = {f"the state of {place.code!r}": place.state for place in places}
    how = {"energy.how": report.energy.how} if report.energy else {}
    known = {**WORDS, **dict.fromkeys(states, STATES), **dict.fromkeys(how, (MEASURED, ESTIMATED))}
    for key, word in {**said, **states, **how}.items():
        if word not in known[key]:
            raise ValueError(f"{key} is {word!r}, none of {', '.join(known[key])}")
    for number in _numbers(asdict(report)):
        if not abs(number) < LARGEST:
            raise ValueError("a number of it is none, or absurdly large")
    if any(place.gain and (place.gain.low is None) != (place.gain.high is None) for place in places):
        raise ValueError("an interval has one end")
    for each in (*report.learning, *report.reliability):
        if (
            not each.x
            or len(each.x) != len(each.y)
            or len(each.n) not in (0, len(each.x))
            or min(each.n, default=0) < 0
        ):
            raise ValueError(f"the curve of {each.arm!r} has no points, or not as many of each number")


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _numbers(each)
    elif isinstance(value, int | float):
        yield value


def finite(value: float) -> float | None:
    """None for NaN and infinity, which JSON has not."""
    return value if isfinite(value) else None


def scored(report: RunReport) -> list[Place]:
    """The countries with a gain."""
    return [place for place in report.countries if place.gain is not None]


def in_state(places: Sequence[Place], state: str) -> list[str]:
    """Codes of the countries whose scores are in a state."""
    return [place.code for place in places if place.state == state]


def number_of(params: Mapping[str, Any], key: str) -> int:
    """A whole number among a run's parameters; 0 where it is missing."""
    try:
        return int(params.get(key, 0))
    except ValueError:
        return 0
