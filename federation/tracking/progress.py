"""How far a run is, round by round, read from its spool while it grows: a line for people, or JSON for machines."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from federation.reporting.score_table import FEDERATED, LEARNT, LOCAL
from federation.tracking import names_0_1, spool
from federation.tracking.first_sight import HEADLINE
from federation.tracking.run_state import state

RUNNING = "RUNNING"


@dataclass(frozen=True, kw_only=True)
class RoundDone:
    """One round. scores: arm -> the headline of the region, of the model that the round began with.

    without: country -> why it does not count. bytes: sent and received. left: seconds until the last round, None before
    two rounds are known.
    """

    round: int
    rounds: int
    countries: int
    of: int
    without: dict[str, str]
    loss: float | None
    score: str
    scores: dict[str, float]
    bytes: int
    left: float | None


@dataclass(kw_only=True)
class _Reading:
    """What was read of the round that is not yet whole."""

    rounds: int = 0
    of: int = 0
    score: str = ""
    at: int = 0
    times: dict[int, float] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)


def follow(folder: Path, pause: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[RoundDone]:
    """Every round so far, and each that follows, until nobody works in the folder any more.

    pause: seconds between two looks. Raises TrackingError for a damaged spool.
    """
    path, start, reading = folder / spool.NAME, 0, _Reading()
    while True:
        running = state(folder) == RUNNING  # looked at before the file, so that what a run wrote last is not missed
        records, start = spool.read(path, start, path.stat().st_size) if path.exists() else ([], start)
        for record in records:
            if reading.totals and _round_of(record) > reading.at:
                yield _done(reading)
            _take(reading, record)
        if records:
            continue
        if reading.totals:  # nothing follows: the round is whole
            yield _done(reading)
        if not running:
            return
        sleep(pause)


def line(done: RoundDone) -> str:
    """For people."""
    scores = "  ".join(f"{arm} {value:.3f}" for arm, value in done.scores.items()) or "not reported"
    parts = [
        f"round {done.round}/{done.rounds}",
        f"{done.countries} of {done.of} countries",
        f"{done.score}: {scores}",
        "loss not reported" if done.loss is None else f"loss {done.loss:.4f}",
        f"{done.bytes / 1e6:.1f} MB",
    ]
    if done.left is not None:
        parts.append(f"{done.left:.0f} s left" if done.left < 120 else f"{done.left / 60:.0f} min left")
    return "  ".join([*parts, *(f"without {country}: {why}" for country, why in done.without.items())])


def json_line(done: RoundDone) -> str:
    """For machines."""
    return json.dumps(asdict(done), allow_nan=False)


def _round_of(record: Mapping[str, Any]) -> int:
    """The round that a record of totals or countries belongs to; 0 for any other."""
    names = record["values"] if record["do"] == "metrics" else ()
    return int(record["step"]) if any(name.startswith("round/") for name in names) else 0


def _take(reading: _Reading, record: Mapping[str, Any]) -> None:
    country = record.get("country")
    if record["do"] == "begin":
        reading.rounds, reading.of = int(record["params"].get("rounds", 0)), len(record["countries"])
        old = names_0_1.HEADLINES.get(str(record["params"].get("task.name")), ("", ""))[0]
        reading.score = record["tags"].get(HEADLINE, old)
    elif record["do"] == "tags" and country:
        for name, why in record["values"].items():
            if name.startswith("refused."):
                reading.without[country] = why
    elif record["do"] == "metrics" and not country:
        _take_totals(reading, record)


def _take_totals(reading: _Reading, record: Mapping[str, Any]) -> None:
    if at := _round_of(record):
        reading.at, reading.times[at] = at, record["time"] / 1000
        reading.totals = {name.removeprefix("round/"): float(value) for name, value in record["values"].items()}
    start = f"validation/{reading.score}/"
    for name, value in record["values"].items():
        arm = name.removeprefix(start)
        if name.startswith(start) and (arm in (FEDERATED, LOCAL) or arm not in LEARNT):
            reading.scores[arm] = float(value)


def _done(reading: _Reading) -> RoundDone:
    """The round, and room for the next."""
    totals, done = reading.totals, len(reading.times)
    first, last = min(reading.times.values()), max(reading.times.values())
    left = (last - first) / (done - 1) * (reading.rounds - reading.at) if done > 1 else None
    made = RoundDone(
        round=reading.at,
        rounds=reading.rounds,
        countries=int(totals.get("countries", 0)),
        of=reading.of,
        without=dict(reading.without),
        loss=totals.get("train_loss"),
        score=reading.score,
        scores=dict(reading.scores),
        bytes=int(totals.get("bytes", 0)),
        left=left,
    )
    reading.totals, reading.without, reading.scores = {}, {}, {}
    return made
