"""Lists of persons -> counts per place and month. No cell of a person's row is written or shown."""

import re

import numpy as np
import pandas as pd

from tasks.errors import DataError
from tasks.sheets.sheet import Sheet

OUTSIDE = "persons outside of the months that `reported` names"
REPORTED = re.compile(r"((?:19|20)\d{2}-(?:0[1-9]|1[0-2]))/((?:19|20)\d{2}-(?:0[1-9]|1[0-2]))")


def count(sheet: Sheet, rows: pd.DataFrame, reported: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """time_period, location, disease_cases of every place and reported month, and how many persons were left out.

    rows: period (YYYY-MM) and location, one a person. reported: YYYY-MM/YYYY-MM, of which the list is complete: a month
    in it without a person is 0. Without it months in which the list has anybody are reported, and others missing.
    Raises DataError for weeks.
    """
    if rows["period"].str.len().eq(10).any():
        raise DataError(f"{sheet}: a list of persons by week is not counted; map the column of their dates")
    months = np.unique(rows["period"].to_numpy(dtype=str))
    dropped = {}
    if matched := REPORTED.fullmatch(reported):
        first, last = (np.datetime64(each, "M") for each in matched.groups())
        months = np.arange(first, last + 1).astype(str)
        outside = ~rows["period"].isin(months)
        dropped = {OUTSIDE: int(outside.sum())} if outside.any() else {}
    places = np.unique(rows["location"].to_numpy(dtype=str))
    counts = rows.groupby(["period", "location"]).size()
    every = pd.MultiIndex.from_product([months, places], names=["time_period", "location"])
    table = counts.reindex(every, fill_value=0).rename("disease_cases").astype(str).reset_index()
    return table, dropped
