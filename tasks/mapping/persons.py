"""Lists of persons -> counts per place and month. No cell of a person's row is written or shown."""

import re

import numpy as np
import pandas as pd

from tasks.errors import DataError
from tasks.sheets.sheet import Sheet

OUTSIDE = "persons outside of the months that `reported` names"
REPORTED = re.compile(r"((?:19|20)\d{2}-(?:0[1-9]|1[0-2]))/((?:19|20)\d{2}-(?:0[1-9]|1[0-2]))")


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    """period, location, cases: how many persons. rows: period (YYYY-MM) and location, one a person."""
    return rows.groupby(["period", "location"]).size().rename("cases").reset_index()


def added(sheet: Sheet, counts: list[pd.DataFrame]) -> pd.DataFrame:
    """Counts of several parts in one. Raises DataError for weeks."""
    together = pd.concat(counts)
    if together["period"].str.len().eq(10).any():
        raise DataError(f"{sheet}: a list of persons by week is not counted; map the column of their dates")
    return together.groupby(["period", "location"])["cases"].sum().reset_index()


def table(counts: list[pd.DataFrame], reported: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """time_period, location, disease_cases of every place and reported month, and how many persons were left out.

    reported: YYYY-MM/YYYY-MM, of which the list is complete: a month in it without a person is 0. Without it months in
    which the list has anybody are reported, and others missing.
    """
    (cases,) = counts
    months = np.unique(cases["period"].to_numpy(dtype=str))
    dropped = {}
    if matched := REPORTED.fullmatch(reported):
        first, last = (np.datetime64(each, "M") for each in matched.groups())
        months = np.arange(first, last + 1).astype(str)
        outside = int(cases["cases"][~cases["period"].isin(months)].sum())
        dropped = {OUTSIDE: outside} if outside else {}
    places = np.unique(cases["location"].to_numpy(dtype=str))
    every = pd.MultiIndex.from_product([months, places], names=["time_period", "location"])
    known = cases.set_index(["period", "location"])["cases"]
    whole = known.reindex(every, fill_value=0).rename("disease_cases")
    return whole.astype(str).reset_index(), dropped
