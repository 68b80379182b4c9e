"""Dengue counts of overlapping resolutions -> one count per place and month.

What goes before what, where a place and month has several counts: a month before weeks, then the broader case
definition (`opendengue.DEFINITIONS`); the level of provinces with the most rows; and provinces before the whole
country, whose total only continues a country's file after its last month by province.
"""

import numpy as np
import pandas as pd

from tasks.data import Array
from tasks.errors import DataError
from tasks.importers.contract import Public
from tasks.importers.opendengue import DEFINITIONS
from tasks.places.names import MEMBERS, province

RECORD = ["location", "calendar_start_date", "T_res"]
NATION = "Admin0"
YEAR = "counts of a year"
EMPTY = "no count"
LEVEL = "another level of provinces"
COPY = "copies of another row"
NARROWER = "a narrower case definition"
WHOLE = "the whole country, while it reports by province"
BETTER = "provinces, of which CHAP's table has more"
WEEKS = "weeks of a month that is given or not covered to the last day"


def collect(tables: list[Public], provincial: dict[str, pd.Timestamp]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(counts, rows) of OpenDengue's tables.

    provincial: country -> last month that a CHAP table gives by province; these countries need no others.
    counts: country, location, month, cases. rows: a line a public row with country, file and `dropped`, the reason why
    it counts for nothing, or "". Raises DataError for two different counts of one place, period and definition, and for
    weeks that overlap.
    """
    rows = pd.concat([each.table.assign(file=str(each.file), row=each.table.index) for each in tables])
    rows = rows[rows["ISO_A0"].isin(MEMBERS.values())].reset_index(drop=True).rename(columns={"ISO_A0": "country"})
    rows["location"] = [
        _place(*each) for each in zip(rows["country"], rows["adm_1_name"], rows["adm_2_name"], strict=True)
    ]
    rows["dropped"] = ""
    _drop(rows, rows["T_res"] == "Year", YEAR)
    _drop(rows, rows["dengue_total"].isna(), EMPTY)
    _drop(rows, (rows["S_res"] != NATION) & rows["country"].isin(provincial), BETTER)
    _drop(rows, _other_levels(rows), LEVEL)
    _drop_repeated(rows)
    shares = _shares(rows[rows["dropped"] == ""])
    shares["dropped"] = ""
    _drop(shares, _unfinished(shares), WEEKS)
    _drop(shares, _before_provinces_end(shares, provincial), WHOLE)
    used = shares[shares["dropped"] == ""]
    idle = shares[~shares["record"].isin(used["record"])].drop_duplicates("record").set_index("record")
    rows.loc[idle.index, "dropped"] = idle["dropped"]
    counts = used.groupby(["country", "location", "month"])[["cases"]].sum().reset_index()
    return counts, rows[["country", "file", "dropped"]]


def _place(country: str, first: str | None, second: str | None) -> str:
    finest = next((name for name in (second, first) if name not in ("NA", "", None)), None)
    return country if finest is None else province(country, finest)


def _drop(rows: pd.DataFrame, which: pd.Series, reason: str) -> None:
    rows.loc[which & (rows["dropped"] == ""), "dropped"] = reason


def _other_levels(rows: pd.DataFrame) -> pd.Series:
    below = rows[(rows["dropped"] == "") & (rows["S_res"] != NATION)]
    usual = below.groupby("country")["S_res"].agg(lambda levels: levels.mode().iloc[0])
    return (rows["S_res"] != NATION) & (rows["S_res"] != rows["country"].map(usual))


def _drop_repeated(rows: pd.DataFrame) -> None:
    live = rows[rows["dropped"] == ""]
    rank = live["case_definition_standardised"].map({name: at for at, name in enumerate(DEFINITIONS)})
    live = live.assign(rank=rank.astype("int64")).sort_values("rank", kind="stable")
    keys = ["country", *RECORD]
    first = live.groupby(keys)[["rank", "dengue_total", "file", "row"]].transform("first")
    rival = (live["rank"] == first["rank"]) & (live["dengue_total"] != first["dengue_total"])
    for at in live.index[rival]:
        raise DataError(
            f"{_where(live.loc[at])}, column 'dengue_total': {live['dengue_total'][at]:.0f} for "
            f"{live['location'][at]!s} is not the {first['dengue_total'][at]:.0f} of the same period in "
            f"{_where(first.loc[at])}. Keep one."
        )
    again = live.duplicated(keys)
    _drop(rows, (again & (live["rank"] == first["rank"])).reindex(rows.index, fill_value=False), COPY)
    _drop(rows, again.reindex(rows.index, fill_value=False), NARROWER)


def _shares(rows: pd.DataFrame) -> pd.DataFrame:
    """record, country, location, S_res, T_res, month, cases, days: a line a record and month that it touches.

    A week across two months is shared by its days, in whole cases: after k of n days floor(cases * k / n) have come.
    """
    start = rows["calendar_start_date"].to_numpy().astype("datetime64[D]")
    end = rows["calendar_end_date"].to_numpy().astype("datetime64[D]")
    cases, days = rows["dengue_total"].to_numpy().astype(np.int64), (end - start).astype(np.int64) + 1
    month = start.astype("datetime64[M]")
    early = np.minimum(((month + 1).astype("datetime64[D]") - start).astype(np.int64), days)
    come = cases * early // days
    about = rows[["country", "location", "S_res", "T_res"]].assign(record=rows.index, first=start)
    parts = [
        about.assign(month=month.astype("M8[s]"), cases=come, days=early),
        about.assign(month=(month + 1).astype("M8[s]"), cases=cases - come, days=days - early),
    ]
    shares = pd.concat(parts, ignore_index=True)
    shares = shares[shares["days"] > 0].reset_index(drop=True)
    _refuse_overlaps(rows, start, end)
    return shares


def _where(row: pd.Series) -> str:
    return f"{row['file']}, row {row['row']}"


def _refuse_overlaps(rows: pd.DataFrame, start: Array, end: Array) -> None:
    weeks = rows.assign(start=start, end=end)[(rows["T_res"] == "Week").to_numpy()]
    weeks = weeks.sort_values(["country", "location", "start"])
    before = weeks.groupby(["country", "location"])["end"].shift()
    for at in weeks.index[weeks["start"] <= before]:
        raise DataError(
            f"{_where(weeks.loc[at])}, column 'calendar_start_date': the week begins on {weeks['start'][at]:%Y-%m-%d}, "
            f"before the week of another row ends. Keep weeks that follow each other."
        )


def _unfinished(shares: pd.DataFrame) -> pd.Series:
    month = shares.groupby(["country", "location", "month"])
    given = (shares["T_res"] == "Month").groupby([shares[name] for name in ("country", "location", "month")])
    covered = month["days"].transform("sum") >= shares["month"].dt.days_in_month
    unfinished: pd.Series = (shares["T_res"] == "Week") & (given.transform("any") | ~covered)
    return unfinished


def _before_provinces_end(shares: pd.DataFrame, provincial: dict[str, pd.Timestamp]) -> pd.Series:
    local = shares[(shares["S_res"] != NATION) & (shares["dropped"] == "")]
    last = local.groupby("country")["month"].max()
    ends = {country: provincial.get(country, last.get(country, pd.NaT)) for country in shares["country"].unique()}
    end = shares["country"].map(ends).astype("datetime64[s]")
    return (shares["S_res"] == NATION) & (shares["month"] <= end)
