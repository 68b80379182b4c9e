"""Gauges whose flow is to be read with care, each with the reason: from the files of one country or more.

long gap         no flow for a year or longer between the first measured day and the last
constant run     the same flow above 0 on 60 days in a row or more
regulated        less than .93 of the weekdays' flow on Sundays, or hydropower plants in the file of gauges
runoff over 1    more flow than rain and snow over the days that have both
twin             daily changes of the root of flow correlate by .9 or more with those of another gauge: one lies above
                 the other, or they share their weather. At home, or abroad where files of other countries are given

Twins tell nearly the same twice; what is left without those at home is scored as `crps_skill_separated`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.data import Array
from tasks.errors import DataError
from tasks.files.grid import grid
from tasks.files.load import load_form
from tasks.files.reading import SUFFIXES
from tasks.river.gauges.twins import TWIN, correlations
from tasks.river.schema import GAUGES, GAUGES_SCHEMA, RIVER_SCHEMA

GAP = 365  # days
CONSTANT = 60  # days
SUNDAY = 0.93  # share of the weekdays' flow
ENOUGH = 365  # days on which a share or a mean rests
READ = ("streamflow", "precipitation")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A gauge, what is said of it and why."""

    country: str
    gauge: str
    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """Of one country. flow, rain: (P, T). plants: (P,) hydropower plants, NaN where unknown."""

    country: str
    periods: Array
    places: tuple[str, ...]
    flow: Array
    rain: Array
    plants: Array


def lines(files: Sequence[Path]) -> Iterator[str]:
    """What `gotong data check` prints of the river files of one country or more: a line a country and kind."""
    records = list(_records(files))
    for record in records:
        found = list(listed(record, [each for each in records if each is not record]))
        for kind in dict.fromkeys(each.kind for each in found):
            of_kind = [each for each in found if each.kind == kind]
            named = "; ".join(f"{each.gauge} {each.reason}" for each in of_kind)
            yield f"{record.country}: {kind}, {len(of_kind)} of {len(record.places)} gauges: {named}"


def listed(record: Record, others: Iterable[Record] = ()) -> Iterator[Listed]:
    """Every gauge with every reason. others: countries among whose gauges twins are looked for too."""

    def each(kind: str, gauges: Array, reasons: Sequence[str]) -> Iterator[Listed]:
        for at in np.flatnonzero(gauges).tolist():
            yield Listed(country=record.country, gauge=record.places[at], kind=kind, reason=reasons[at])

    gap, run = longest_gap(record.flow), longest_constant(record.flow)
    yield from each("long gap", gap >= GAP, [f"({days} days)" for days in gap])
    yield from each("constant run", run >= CONSTANT, [f"({days} days)" for days in run])
    ratio = sunday_ratio(record.flow, record.periods)
    plants = np.nan_to_num(record.plants)
    reasons = [
        f"(Sundays {of:.2f} of weekdays)" if of < SUNDAY else f"({count:.0f} hydropower plants)"
        for of, count in zip(ratio, plants, strict=True)
    ]
    yield from each("regulated", (ratio < SUNDAY) | (plants > 0), reasons)
    runoff = runoff_ratio(record.flow, record.rain)
    yield from each("runoff over 1", runoff > 1, [f"({of:.2f} of the rain)" for of in runoff])
    yield from _twins(record, record, "twin at home")
    for other in others:
        yield from _twins(record, other, f"twin in {other.country}")


def _twins(record: Record, other: Record, kind: str) -> Iterator[Listed]:
    first, last = max(record.periods[0], other.periods[0]), min(record.periods[-1], other.periods[-1])
    mine, theirs = (each.flow[:, (each.periods >= first) & (each.periods <= last)] for each in (record, other))
    related = correlations(mine, theirs)
    if record is other:
        np.fill_diagonal(related, 0.0)
    for at in np.flatnonzero(related.max(axis=1, initial=0.0) >= TWIN):
        twin = int(related[at].argmax())
        reason = f"with {other.places[twin]} (r {related[at, twin]:.2f})"
        yield Listed(country=record.country, gauge=record.places[at], kind=kind, reason=reason)


def longest_gap(flow: Array) -> Array:
    """(P,) days without a flow in a row, between the first and the last that was measured."""
    known = np.isfinite(flow)
    ever = np.logical_or.accumulate(known, axis=1) & np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    return _longest(~known & ever)


def longest_constant(flow: Array) -> Array:
    """(P,) days in a row with the same flow above 0."""
    same = (flow[:, 1:] == flow[:, :-1]) & (flow[:, 1:] > 0)
    run = _longest(same)
    return np.where(run > 0, run + 1, 0)


def sunday_ratio(flow: Array, periods: Array) -> Array:
    """(P,) median over years of the Sundays' mean flow over that of Tuesdays to Thursdays; NaN with few days.

    Power plants rest on Sundays, rain does not. The median of years keeps single floods out.
    """
    weekday = (periods.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 0: Monday
    years = periods.astype("datetime64[Y]")
    ratios = []
    for year in np.unique(years):
        days = years == year
        sunday, midweek = (_mean(flow[:, days & chosen]) for chosen in (weekday == 6, (weekday > 0) & (weekday < 4)))
        ratios.append(sunday / np.where(midweek > 0, midweek, np.nan))
    table = np.stack(ratios, axis=1)
    enough = np.isfinite(flow).sum(axis=1) >= ENOUGH
    table[~enough | np.isnan(table).all(axis=1)] = 1.0
    return np.asarray(np.where(enough, np.nanmedian(table, axis=1), 1.0))


def runoff_ratio(flow: Array, rain: Array) -> Array:
    """(P,) flow over rain and snow on the days that have both; 0 with few days."""
    both = np.isfinite(flow) & np.isfinite(rain)
    fell = np.where(both, rain, 0.0).sum(axis=1)
    ran = np.where(both, flow, 0.0).sum(axis=1)
    return np.where((both.sum(axis=1) >= ENOUGH) & (fell > 0), ran / np.where(fell > 0, fell, 1.0), 0.0)


def _longest(marked: Array) -> Array:
    """(P, T) bool -> (P,) most in a row."""
    longest, current = np.zeros(len(marked), int), np.zeros(len(marked), int)
    for column in marked.T:
        current = np.where(column, current + 1, 0)
        longest = np.maximum(longest, current)
    return longest


def _mean(values: Array) -> Array:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _records(files: Sequence[Path]) -> Iterator[Record]:
    for file in files:
        table, wrong = load_form(file, RIVER_SCHEMA, 1)
        if any(not problem.warning for problem in wrong):
            continue  # its own check says so
        try:
            cells = grid(table, READ, file=file, place="gauge_id", period="date", step="day")
        except DataError:
            continue
        yield Record(
            country=file.resolve().parent.name,
            periods=cells.periods,
            places=cells.places,
            flow=cells.values["streamflow"],
            rain=cells.values["precipitation"],
            plants=_plants(file.with_name(GAUGES), cells.places),
        )


def _plants(file: Path, places: tuple[str, ...]) -> Array:
    unknown = np.full(len(places), np.nan)
    if not any(file.with_suffix(suffix).exists() for suffix in SUFFIXES):
        return unknown
    table, wrong = load_form(file, GAUGES_SCHEMA, 1)
    if "hp_count" not in table or any(not problem.warning for problem in wrong):
        return unknown
    by_gauge: pd.Series = table.drop_duplicates("gauge_id").set_index("gauge_id")["hp_count"]
    return by_gauge.reindex(list(places)).to_numpy(np.float64)
