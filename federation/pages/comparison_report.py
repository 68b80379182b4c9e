"""Runs side by side with every number that their page shows: groups of runs that may be ranked against one another."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from federation.pages.run_report import finite
from federation.reporting.score_table import countries
from federation.studies.compare import Compared, Comparison


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run in one place. best: the best number of all runs; clear: its interval meets that of no other run.

    gained: its score less that of the country's own model in the same run.
    """

    run: str
    value: float | None
    low: float | None
    high: float | None
    best: bool
    clear: bool
    gained: float | None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A country, or the region. ranked: whether all runs are of the same countries there."""

    place: str
    ranked: bool
    cells: list[Cell]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting in which the runs differ, and its value in each."""

    name: str
    values: list[str]


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Runs that may be ranked. title: what they were scored on. lines: countries first, the region last."""

    title: str
    score: str
    better: str
    runs: list[str]
    lines: list[Line]
    settings: list[Setting]


@dataclass(frozen=True, kw_only=True)
class ComparisonReport:
    """arm: whose scores these are. groups: of runs of the same task, years and records. alone: runs of no group."""

    arm: str
    groups: list[Ranked]
    alone: list[str]


def report_of(compared: Sequence[Comparison], arm: str) -> ComparisonReport:
    """From what `compare` found."""
    groups = [_ranked(each) for each in compared if each.sheet is not None]
    alone = [run for each in compared if each.sheet is None for run in each.runs]
    return ComparisonReport(arm=arm, groups=groups, alone=alone)


def text(report: ComparisonReport) -> str:
    """As JSON."""
    return json.dumps(asdict(report), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _ranked(compared: Comparison) -> Ranked:
    places = countries([each.row for each in compared.scores])
    return Ranked(
        title=compared.about,
        score=compared.score,
        better=compared.better,
        runs=list(compared.runs),
        lines=[_line(compared, place) for place in places],
        settings=[
            Setting(name=name, values=list(values))
            for name, values in compared.differing.items()
            if len(set(values)) > 1
        ],
    )


def _line(compared: Comparison, place: str) -> Line:
    own = {each.run: each for each in compared.scores if each.row.country == place}
    cells = [_cell(own[run]) for run in compared.runs if run in own]
    return Line(place=place, ranked=place not in compared.unranked, cells=cells)


def _cell(each: Compared) -> Cell:
    return Cell(
        run=each.run,
        value=finite(each.row.value),
        low=finite(each.row.low),
        high=finite(each.row.high),
        best=each.wins,
        clear=each.clear,
        gained=None if each.gained is None else finite(each.gained.value),
    )
