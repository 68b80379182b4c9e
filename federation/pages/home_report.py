"""What a run came to in one country, for that country alone: made at home of what its vault keeps, sealed runs too."""

import json
from dataclasses import asdict, dataclass, field

from federation.pages.run_report import Gain, RunReport


@dataclass(frozen=True, kw_only=True)
class OwnScore:
    """Of an arm over all horizons of the test. low, high: its 95 % interval; None where nobody knows it."""

    score: str
    arm: str
    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Left:
    """What left the vault in this run, of one kind of message, by its ledger."""

    kind: str
    messages: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class HomeReport:
    """scores: the headline's first. gain: of training together over the own model, in `unit`; None where nobody knows.

    refused: requests that the vault refused. region: the run as its coordinator reports it, with this country's own
    row put in; None: no report was given. arms: in the order of the table.
    """

    country: str
    run: str
    title: str
    score: str
    better: str
    unit: str
    gain: Gain | None
    scores: list[OwnScore]
    left: list[Left]
    refused: int
    region: RunReport | None = None
    arms: list[str] = field(default_factory=list)


def text(report: HomeReport) -> str:
    """As JSON."""
    return json.dumps(asdict(report), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
