"""health_weekly.csv: weekly counts of places where a country publishes them, else OpenDengue's national weeks."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tasks.health_weekly.schema import FILE, NAME, REPORTS
from tasks.importers.contract import National, Public, PublicFiles, one, tally
from tasks.importers.opendengue import DEFINITIONS
from tasks.importers.weekly.formats import FORMATS
from tasks.importers.weekly.reading import EMPTY

COLUMNS = ["time_period", "location", "disease_cases", "rainfall", "mean_temperature"]
DAYS = ("last", "known_at")
PLACES = "the whole country, while it reports by place"
NARROWER = "a narrower case definition"
COPY = "copies of another row"
SHORT = "weeks of fewer than seven days"


def assemble(public: PublicFiles) -> Iterator[National]:
    """One file a country that has any count of a week. Raises DataError."""
    own = [table for name in FORMATS if (table := one(public, name)) is not None]
    nations = _national_weeks(public)
    for table in own:
        yield _by_place(table, nations.pop(table.of, None))
        if table.reports is not None:
            yield _how_they_came_in(table, table.reports)
    for country, parts in sorted(nations.items()):
        yield _by_country(country, parts)


def _national_weeks(public: PublicFiles) -> dict[str, list[Public]]:
    """Country -> its rows of OpenDengue's extracts that hold weeks of whole countries alone.

    An extract of several resolutions gives months: its weeks are those that lie between them.
    """
    weekly: dict[str, list[Public]] = {}
    for each in public.get("opendengue", ()):
        if (each.table["T_res"] == "Week").all() and (each.table["S_res"] == "Admin0").all():
            for country, rows in each.table.groupby("ISO_A0"):
                weekly.setdefault(str(country), []).append(Public(file=each.file, table=rows, of=str(country)))
    return weekly


def _by_place(public: Public, nation: list[Public] | None) -> National:
    nation_rows = sum(len(each.table) for each in nation or ())
    dropped = dict(public.table.attrs["dropped"]) | ({PLACES: nation_rows} if nation_rows else {})
    return National(
        country=public.of,
        task=NAME,
        name=FILE,
        table=_written(public.table),
        sources=(public.file,),
        records=public.table.attrs["records"] + nation_rows,
        dropped=dropped,
    )


def _how_they_came_in(public: Public, reports: pd.DataFrame) -> National:
    written = {name: np.datetime_as_string(reports[name].to_numpy().astype("datetime64[D]")) for name in DAYS}
    table = pd.DataFrame(
        {
            "time_period": written["last"],
            "location": reports["location"],
            "known_at": written["known_at"],
            "disease_cases": reports["cases"].astype("Int64"),
        }
    )
    return National(
        country=public.of, task=NAME, name=REPORTS, table=table, sources=(public.file,), records=len(reports)
    )


def _by_country(country: str, parts: list[Public]) -> National:
    """Of two counts of a week the one of the broader case definition; weeks are seven days from their first day on."""
    rows = pd.concat([each.table for each in parts], ignore_index=True)
    rank = rows["case_definition_standardised"].map({name: at for at, name in enumerate(DEFINITIONS)})
    rows = rows.assign(
        location=country,
        last=(rows["calendar_start_date"].to_numpy().astype("datetime64[D]") + 6).astype("M8[s]"),
        cases=rows["dengue_total"],
        rank=rank.astype("int64"),
        dropped="",
    ).sort_values(["rank"], kind="stable")
    rows.loc[rows["cases"].isna(), "dropped"] = EMPTY
    days = (rows["calendar_end_date"] - rows["calendar_start_date"]).dt.days
    rows.loc[(days < 6) & (rows["dropped"] == ""), "dropped"] = SHORT
    known = rows["dropped"] == ""
    first = rows[known].groupby("last")["rank"].transform("first")
    again = rows[known].duplicated("last")
    rows.loc[again.index[again & (rows["rank"][known] == first)], "dropped"] = COPY
    rows.loc[again.index[again & (rows["rank"][known] > first)], "dropped"] = NARROWER
    return National(
        country=country,
        task=NAME,
        name=FILE,
        table=_written(rows[rows["dropped"] == ""]),
        sources=tuple(each.file for each in parts),
        records=len(rows),
        dropped=tally(rows["dropped"]),
    )


def _written(table: pd.DataFrame) -> pd.DataFrame:
    """The columns in the file's order and form; those that no row has are left out."""
    table = table.sort_values(["location", "last"], ignore_index=True).reindex(columns=["last", *COLUMNS[1:], "cases"])
    table = table.assign(
        time_period=np.datetime_as_string(table["last"].to_numpy().astype("datetime64[D]")),
        disease_cases=table["cases"].astype("Int64"),
    )[COLUMNS]
    return table.drop(columns=[name for name in COLUMNS[3:] if table[name].isna().all()])
