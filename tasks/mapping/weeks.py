"""Counts of weeks -> counts of months: each week shared by its days, in whole cases; months that weeks cover."""

import numpy as np
import pandas as pd

from tasks.data import Array


def by_month(places: Array, start: Array, cases: Array) -> pd.DataFrame:
    """location, time_period (YYYY-MM), disease_cases of every month whose days weeks of the place all cover.

    start: (N,) datetime64[D], the first day of each week. After k of 7 days floor(cases * k / 7) have come. A week with
    a missing count covers nothing.
    """
    known = np.isfinite(cases)
    places, start, cases = places[known], start[known], cases[known].astype(np.int64)
    month = start.astype("datetime64[M]")
    early = np.minimum(((month + 1).astype("datetime64[D]") - start).astype(np.int64), 7)
    come = cases * early // 7
    shares = pd.DataFrame(
        {
            "location": np.concatenate([places, places]),
            "month": np.concatenate([month, month + 1]).astype("M8[s]"),
            "cases": np.concatenate([come, cases - come]),
            "days": np.concatenate([early, 7 - early]),
        }
    )
    months = shares[shares["days"] > 0].groupby(["location", "month"], sort=True)[["cases", "days"]].sum().reset_index()
    whole = months[months["days"] >= months["month"].dt.days_in_month]
    return pd.DataFrame(
        {
            "time_period": whole["month"].dt.strftime("%Y-%m"),
            "location": whole["location"],
            "disease_cases": whole["cases"].astype(str),
        }
    )
