"""The national file of weekly dengue: one row a place and week, the week named by its last day; and how it came in.

CHAP's weekly form names a week by its first and last day, `2003-12-29/2004-01-04`; here the last one stands alone, so
that the weeks of every agency, whatever their first day and number, lie in the calendar.
"""

from dataclasses import replace

import pandas as pd

from tasks.files.columns import Column
from tasks.files.schema import Rule, TableSchema
from tasks.health.schema import CASES, PEOPLE, PLACE, PLACE_NAME, too_many

NAME, FILE, REPORTS = "health_weekly", "health_weekly.csv", "health_weekly_reports.csv"


def _another_weekday(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Weeks that end on another day than most: no calendar of weeks has them."""
    weekday = rows["time_period"].dt.day_of_week
    another: pd.Series[bool] = weekday.notna() & (weekday != weekday.mode().max())
    return another


SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="date"),
        "location": PLACE,
        "disease_cases": replace(CASES, unit="cases of the week, empty if no report came in", offset=20, yearly=12),
        "population": replace(PEOPLE, required=False),
        "rainfall": Column(
            kind="number",
            required=False,
            empty=True,
            low=0,
            high=3000,
            typical=(2, 300),
            unit="mm in the whole week",
            history="log",
            offset=30,
            spread=0.5,
        ),
        "mean_temperature": Column(
            kind="number",
            required=False,
            empty=True,
            low=-40,
            high=50,
            typical=(-5, 38),
            unit="degrees Celsius of the week's mean",
            history="plain",
        ),
        "location_name": PLACE_NAME,
    },
    keys=("time_period", "location"),
    place="location",
    rules=(
        too_many(20, "a twentieth", "week"),
        Rule(
            columns=("time_period",),
            broken=_another_weekday,
            shown="time_period",
            what="is another weekday than that on which most weeks end",
            remedy="Write the last day of the week, the same weekday throughout",
        ),
    ),
)
REPORTS_SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="date"),
        "location": PLACE,
        "known_at": Column(kind="date"),
        "disease_cases": Column(
            kind="number", low=0, high=1e7, unit="cases of the week on record on that day", whole=True, grouped=True
        ),
    },
    keys=("time_period", "location", "known_at"),
    place="location",
    rules=(
        Rule(
            columns=("time_period", "known_at"),
            broken=lambda rows: rows["known_at"] < rows["time_period"],
            shown="known_at",
            what="is before the end of the week that it speaks of",
            remedy="Write the last day of the week at whose end the count was on record",
        ),
    ),
)
