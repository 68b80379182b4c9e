"""Records of how counts came in: a country's own file of them, or a delay that is stated and simulated."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tasks.data import Array, Panel
from tasks.files.load import read_table
from tasks.files.reading import SUFFIXES, stem_of
from tasks.health_weekly.calendar import DAYS
from tasks.health_weekly.schema import REPORTS, REPORTS_SCHEMA
from tasks.health_weekly.settings import MOST_LATE, STEP
from tasks.time_step import STEPS
from tasks.vintages.triangle import on_record

UNLIKE = 0.3  # spread of the log odds of a simulated share, from place to place and from week to week


def with_reports(panel: Panel, folder: Path, until: np.datetime64 | None) -> Panel:
    """The panel with the triangle of the country's file of reports, if it has one, and its newest counts as then.

    until: the last month or day whose reports count. Raises DataError.
    """
    file = folder / REPORTS
    if not any((folder / f"{stem_of(file)}{suffix}").exists() for suffix in SUFFIXES):
        return panel
    table = read_table(file, REPORTS_SCHEMA)
    ends, days = (table[name].to_numpy().astype("datetime64[D]") for name in ("time_period", "known_at"))
    last = days.max() if until is None else min(days.max(), STEPS[STEP].last(str(until)))
    row, week = table["location"].map({name: at for at, name in enumerate(panel.places)}), _weeks(panel, ends)
    age = np.maximum((days - ends).astype(int), 0) // DAYS
    there = row.notna().to_numpy() & (week >= 0) & (week < len(panel.periods)) & (age <= MOST_LATE) & (days <= last)
    known = np.full((MOST_LATE + 1, *panel.target.shape), np.nan)
    known[:, row.dropna().astype(int).unique(), max(_weeks(panel, ends.min()), 0) :] = 0  # until a row says otherwise
    for each in np.flatnonzero(there)[np.argsort(age[there], kind="stable")]:
        known[age[each] :, int(row.iloc[each]), week[each]] = table["disease_cases"].iloc[each]
    later = panel.periods[None] + DAYS * np.arange(MOST_LATE + 1)[:, None] > last
    known = np.where(later[:, None], np.nan, known)
    return replace(panel, known=known, target=on_record(panel.target, known))


def simulated(panel: Panel, shares: list[float]) -> Panel:
    """The panel as if these shares of its counts had been on record 0, 1, ... weeks after each week, and then all.

    Shares differ from place to place and from week to week; each case comes in by itself. The same records and shares
    give the same triangle.
    """
    rng = np.random.default_rng([len(shares), *panel.country.encode()])
    cases = np.nan_to_num(panel.target).astype(np.int64)
    away = rng.normal(0, UNLIKE, (len(cases), 1)) + rng.normal(0, UNLIKE, cases.shape)
    known, before = [np.zeros_like(cases)], np.zeros(cases.shape)
    for share in shares:
        now = _moved(share, away)
        known.append(known[-1] + rng.binomial(cases - known[-1], (now - before) / (1 - before)))
        before = now
    triangle = np.stack([*known[1:], cases]).astype(np.float64)
    return replace(panel, known=np.where(np.isfinite(panel.target), triangle, np.nan))


def _weeks(panel: Panel, ends: Array) -> Array:
    return np.asarray((ends - panel.periods[0]).astype(int) // DAYS)


def _moved(share: float, away: Array) -> Array:
    """The share whose log odds are `away` from those of `share`; never quite 1."""
    return np.asarray(1 / (1 + (1 - share) / share * np.exp(-away)).clip(1 + 1e-9))
