"""Faults of replies by round and country: a table in the run's folder, for a person and for MLflow."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from io import StringIO
from pathlib import Path

from federation.coordinator.state import ReplySummary, Report
from tasks.files.atomic import write_atomically
from tasks.files.csv_output import Rows

FILE = "faults.csv"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One reply that was not as it should be. counted: whether the country's update counted nevertheless.

    flag: whether it was as it should be, and a person should know what became of it, or of all together.
    """

    round: int
    country: str
    counted: bool
    reason: str
    flag: bool = False


class Faults:
    """Grows with every round, and is on the disk before the round's checkpoint. Every method raises OSError."""

    def __init__(self, folder: Path, done: int) -> None:
        """done: rounds of the checkpoint; what the table says of later ones will happen again, or will not."""
        self._path = folder / FILE
        self._faults = [fault for fault in read(self._path) if fault.round <= done]
        self._fresh = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The table, if there is anything in it."""
        return (self._path,) if self._faults else ()

    def round(self, report: Report) -> None:
        """Take down who was left out of a round."""
        fresh = [*faults_of(report.round, report.summaries), *flags_of(report)]
        self._faults += fresh
        self._fresh = self._fresh or bool(fresh)

    def end(self, rounds: int, region: str, alarms: Sequence[str]) -> None:
        """Take down what is said of the region in the test, after so many rounds, and write the table."""
        fresh = [Fault(round=rounds + 1, country=region, counted=True, reason=alarm, flag=True) for alarm in alarms]
        self._faults += fresh
        self._fresh = self._fresh or bool(fresh)
        self.flush()

    def flush(self) -> None:
        """Write the table if it has grown."""
        if self._fresh:
            write(self._faults, self._path)
        self._fresh = False

    def flagged(self) -> dict[str, int]:
        """Country or region -> in how many rounds something was said of it."""
        rounds = {(fault.country, fault.round) for fault in self._faults}
        return dict(Counter(country for country, _ in sorted(rounds)))

    def lines(self) -> list[str]:
        """A sentence a country, for the end of a run."""
        return lines(self._faults)


def faults_of(round_: int, summaries: Sequence[ReplySummary]) -> list[Fault]:
    """The faults of one round, in the order of its replies."""
    return [
        Fault(round=round_, country=summary.country, counted=summary.refused is None, reason=reason)
        for summary in summaries
        if (reason := summary.refused or summary.remark)
    ]


def flags_of(report: Report) -> list[Fault]:
    """What a person should know of updates that counted, and the alarm of the region's countries together."""
    flagged = [
        Fault(round=report.round, country=summary.country, counted=True, reason=flag, flag=True)
        for summary in report.summaries
        for flag in summary.flags
    ]
    if report.alarm is None:
        return flagged
    return [*flagged, Fault(round=report.round, country=report.region, counted=True, reason=report.alarm, flag=True)]


def lines(faults: Sequence[Fault]) -> list[str]:
    """Such as `VNM: left out in rounds 2-4, 7: update w holds NaN or Inf`, the first reason of several; flags last."""
    kinds: dict[tuple[str, bool], list[Fault]] = {}
    for fault in (fault for fault in faults if not fault.flag):
        kinds.setdefault((fault.country, fault.counted), []).append(fault)
    said = []
    for (country, counted), own in sorted(kinds.items()):
        where = ranges([fault.round for fault in own])
        reason = own[0].reason.removeprefix(country).removeprefix(":").strip()
        more = f" (other reasons stand in {FILE})" if len({fault.reason for fault in own}) > 1 else ""
        said.append(f"{country}: {'counted, but' if counted else 'left out'} in {where}: {reason}{more}")
    return said + _flag_lines([fault for fault in faults if fault.flag])


def _flag_lines(flags: Sequence[Fault]) -> list[str]:
    """One line for all countries, and what was said most often of the one that was flagged in most rounds.

    Honest countries are flagged now and then: by a line each they would drown the one that matters.
    """
    rounds: dict[str, dict[str, list[int]]] = {}
    for flag in flags:
        rounds.setdefault(flag.country, {}).setdefault(flag.reason, []).append(flag.round)
    if not rounds:
        return []
    flagged = {country: {each for where in own.values() for each in where} for country, own in rounds.items()}
    ordered = sorted(flagged, key=lambda country: (-len(flagged[country]), country))
    counts = ", ".join(f"{country} in {len(flagged[country])}" for country in ordered)
    reason, where = max(rounds[ordered[0]].items(), key=lambda item: len(item[1]))
    return [f"Flagged, which {FILE} explains by round: {counts}. {ordered[0]}, {ranges(where)}: {reason}"]


def ranges(rounds: Sequence[int]) -> str:
    """Such as `round 3` and `rounds 2-4, 7`."""
    runs: list[list[int]] = []
    for each in sorted(set(rounds)):
        if runs and each == runs[-1][-1] + 1:
            runs[-1].append(each)
        else:
            runs.append([each])
    text = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"round{'s' if len(set(rounds)) > 1 else ''} {text}"


def write(faults: Sequence[Fault], path: Path) -> None:
    """Replace the table. Raises OSError."""
    text = StringIO()
    rows = Rows(text)
    rows.write([field.name for field in fields(Fault)])
    for fault in faults:
        rows.write(astuple(fault))
    write_atomically(path, text.getvalue().encode())


def read(path: Path) -> list[Fault]:
    """The faults that `write` wrote; none if there is no table."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Fault(
                round=int(row["round"]),
                country=row["country"],
                counted=row["counted"] == "True",
                reason=row["reason"],
                flag=row.get("flag") == "True",
            )
            for row in csv.DictReader(file)
        ]
