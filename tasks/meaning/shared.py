"""Values of a whole country: the same in all places of a period, and in all files of the country."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.files.reading import Problem
from tasks.meaning.expected import chauvenet, natural, scaled
from tasks.meaning.records import Records, another
from tasks.places.countries import CODES

SLACK = 1e-6  # of the value, for files whose writers round
USUALLY = 0.95  # share of periods in which values agree, from which the others are odd
ENOUGH = 24  # periods that two files share
SHORT, LONG = 5, 30  # years in which a file has too little of a month, and another enough to say what is usual in it
RESEMBLES = 0.4  # usual difference of logs, up to which two sources measure the same
UNLIKE = 2.0  # ratio at least of a value to another source's, for one of them to be wrong


def shared(records: Records) -> Iterator[Problem]:
    """A warning for each value that is not its period's in most places, in columns that are the same in all of them."""
    for name, column in records.columns.items():
        if name not in records.table or not (column.shared or column.history) or column.whole:
            continue
        values = records.table[name]
        groups = values.groupby(records.time)
        differs = groups.max() - groups.min() > SLACK * np.maximum(groups.min().abs(), 1)
        several = groups.count() > 1
        usually = several.sum() >= ENOUGH and (several & ~differs).sum() >= USUALLY * several.sum()
        if not differs.any() or not (column.shared or usually):
            continue
        usual = groups.transform("median")
        odd = values.notna() & ~np.isclose(values, usual, rtol=SLACK, atol=SLACK)
        for position in np.flatnonzero(odd):
            there = values[records.time == records.time[position]].to_numpy(dtype=float)
            what = f"is {another(there, values.iloc[position]):.10g} in other places of {records.said(int(position))}"
            yield records.problem(int(position), name, "shared", what, "Write the country's one value in every row")


def national(records: Records) -> dict[str, pd.Series]:
    """Index -> its value in each period (YYYY-MM) that the file has rows of."""
    known: dict[str, pd.Series] = {}
    for name, column in records.columns.items():
        if not column.index or name not in records.table:
            continue
        rows = _national_rows(records, name)
        months = records.table[records.period][rows].astype(str).str[:7]
        known[column.index] = records.table[name][rows].groupby(months).median()
    return known


def other_file(records: Records, others: dict[str, pd.Series], other: Path) -> Iterator[Problem]:
    """A warning for each national value that is another one in another file, where the two agree otherwise."""
    for name, column in records.columns.items():
        if name not in records.table or column.index not in others:
            continue
        rows = _national_rows(records, name)
        months = records.table[records.period].astype(str).str[:7]
        expected = months.map(others[column.index])
        both = rows & expected.notna() & records.table[name].notna()
        yield from _unlike_season(records, name, others[column.index], rows & ~both, other)
        same = pd.Series(np.isclose(records.table[name], expected, rtol=1e-4, atol=1e-4), index=both.index)
        if both.sum() < ENOUGH:
            continue
        if (both & same).sum() >= USUALLY * both.sum():
            odd, agrees = both & ~same, "agrees in nearly all other months"
        else:
            odd, agrees = both & _unlike(records, name, expected), "is near it in other months"
        for position in np.flatnonzero(odd):
            what = f"is {expected.iloc[position]:.10g} in {other.name}, which {agrees}"
            yield records.problem(int(position), name, "other-file", what, "Correct the one that is wrong")


def _unlike_season(
    records: Records, name: str, known: pd.Series, rows: "pd.Series[bool]", other: Path
) -> Iterator[Problem]:
    """A warning for each amount of a month that another file does not have, far from that month of its many years.

    Of a file that has few years itself: by more it is compared with its own.
    """
    column = records.columns[name]
    if column.history != "log" or column.whole:
        return
    values = pd.Series(scaled(records, name, known.to_numpy(dtype=float)), index=known.index.str[5:]).dropna()
    years = values.groupby(level=0)
    away = values - years.transform("median")
    usual = max(1.4826 * float(away.abs().median()), column.spread) if len(values) else np.inf
    mine = pd.Series(scaled(records, name, records.table[name].to_numpy(dtype=float)), index=rows.index)
    month = records.table[records.period].astype(str).str[5:7]
    expected = month.map(years.median()[years.size() >= LONG])
    few = records.table[records.period].groupby(month).transform("nunique") < SHORT
    never = (mine < month.map(years.min())) | (mine > month.map(years.max()))
    odd = never & rows & few & ((mine - expected).abs() > max(chauvenet(len(values)) * usual, np.log(UNLIKE)))
    for position in np.flatnonzero(odd):
        there = values[values.index == month.iloc[position]]
        low, high = (natural(records, name, float(each)) for each in (there.min(), there.max()))
        what = f"is far from {low:.4g} to {high:.4g}, which {other.name} has in this month of other years"
        yield records.problem(int(position), name, "other-file", what, "Correct the one that is wrong")


def _unlike(records: Records, name: str, expected: pd.Series) -> "pd.Series[bool]":
    """Amounts far from those of another source that usually has nearly the same ones."""
    if records.columns[name].history != "log":
        return expected.isna() & False
    mine, theirs = (scaled(records, name, each.to_numpy(dtype=float)) for each in (records.table[name], expected))
    difference = mine - theirs
    known = difference[np.isfinite(difference)]
    away = np.abs(difference - np.median(known))
    usual = 1.4826 * float(np.median(np.abs(known - np.median(known))))
    reach = max(chauvenet(len(known)) * max(usual, records.columns[name].spread), np.log(UNLIKE))
    return pd.Series((away > reach) & (usual < RESEMBLES), index=expected.index)


def _national_rows(records: Records, name: str) -> "pd.Series[bool]":
    """Rows of the whole country: all where the column is the same in all places, else those of its code."""
    if records.columns[name].shared:
        return pd.Series(True, index=records.table.index)
    return records.table[records.place].isin(CODES)
