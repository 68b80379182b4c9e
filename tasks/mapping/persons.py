"""Lists of persons -> counts per place and month, or week. No cell of a person's row is written or shown."""

import re

import numpy as np
import pandas as pd

from tasks.data import Array
from tasks.errors import DataError
from tasks.sheets.sheet import Sheet

OUTSIDE = "persons outside of the months that `reported` names"
REPORTED = re.compile(r"((?:19|20)\d{2}-(?:0[1-9]|1[0-2]))/((?:19|20)\d{2}-(?:0[1-9]|1[0-2]))")


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    """period, location, cases: how many persons.

    rows: period (YYYY-MM, or the last day of a week) and location, one a person.
    """
    return rows.groupby(["period", "location"]).size().rename("cases").reset_index()


def added(sheet: Sheet, counts: list[pd.DataFrame], *, by_week: bool) -> pd.DataFrame:
    """Counts of several parts in one. by_week: whether weeks are counted. Raises DataError for weeks among months."""
    together = pd.concat(counts)
    if together["period"].str.len().eq(10).any() and not by_week:
        raise DataError(
            f"{sheet}: its persons have weeks, which are no months; map the column of their dates, or count them by "
            f"the week with task: health_weekly"
        )
    return together.groupby(["period", "location"])["cases"].sum().reset_index()


def table(counts: list[pd.DataFrame], reported: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """time_period, location, disease_cases of every place and reported period, and how many persons were left out.

    reported: YYYY-MM/YYYY-MM, of which the list is complete: a month in it, or a week that ends in it, without a person
    is 0. Without it periods in which the list has anybody are reported, and others missing.
    """
    (cases,) = counts
    known = np.unique(cases["period"].to_numpy(dtype=str))
    dropped = {}
    if matched := REPORTED.fullmatch(reported):
        first, last = (np.datetime64(each, "M") for each in matched.groups())
        known = _within(first, last, known)
        outside = int(cases["cases"][~cases["period"].isin(known)].sum())
        dropped = {OUTSIDE: outside} if outside else {}
    places = np.unique(cases["location"].to_numpy(dtype=str))
    every = pd.MultiIndex.from_product([known, places], names=["time_period", "location"])
    counts_of = cases.set_index(["period", "location"])["cases"]
    whole = counts_of.reindex(every, fill_value=0).rename("disease_cases")
    return whole.astype(str).reset_index(), dropped


def _within(first: np.datetime64, last: np.datetime64, known: Array) -> Array:
    """All months from first to last, or all weeks that end in them, on the weekday of those that are known."""
    months = np.arange(first, last + 1)
    if not len(known) or len(known[0]) == 7:
        return months.astype(str)
    days = np.arange(first.astype("datetime64[D]"), (last + 1).astype("datetime64[D]"))
    weekdays = [days.astype(np.int64) % 7, known[:1].astype("datetime64[D]").astype(np.int64) % 7]
    return np.asarray(days[weekdays[0] == weekdays[1]].astype(str))
