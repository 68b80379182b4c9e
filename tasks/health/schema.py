"""The national file of the health task: CHAP's columns, one row a province and month. Parts serve weekly health too.

Source of the convention: https://github.com/dhis2-chap (time_period, location, disease_cases, covariates)
"""

from dataclasses import replace

from tasks.files.columns import Column
from tasks.files.schema import Rule, TableSchema

CASES = Column(
    kind="number",
    empty=True,
    low=0,
    high=1e7,
    unit="cases reported in the month, empty if none came in",
    whole=True,
    grouped=True,
    parts=True,
    history="log",
    offset=10,
    spread=0.4,
    yearly=8,  # epidemics
)
PEOPLE = Column(
    kind="number",
    empty=True,
    low=100,
    high=3e8,
    typical=(3e3, 3e8),
    unit="inhabitants, not thousands of them",
    grouped=True,
)
PLACE, PLACE_NAME = Column(kind="text"), Column(kind="text", required=False, empty=True)


def too_many(part: int, words: str, period: str) -> Rule:
    """Counts above one part of so many of the inhabitants, in words such as 'a tenth', in one month or week."""
    return Rule(
        columns=("disease_cases", "population"),
        broken=lambda rows: rows["disease_cases"] > rows["population"] / part,
        shown="disease_cases",
        what=f"is more than {words} of the population in one {period}",
        remedy="Check both columns for a wrong unit or a cumulated count",
    )


SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="month"),
        "location": PLACE,
        "disease_cases": CASES,
        "population": replace(PEOPLE, history="log", spread=0.1, comparable=False, yearly=1.5),
        "rainfall": Column(
            kind="number",
            empty=True,
            low=0,
            high=5000,
            typical=(20, 1000),
            unit="mm a month (mm a day times its days)",
            history="log",
            offset=30,
            spread=0.25,
            index="rainfall",
        ),
        "mean_temperature": Column(
            kind="number",
            empty=True,
            low=-20,
            high=45,
            typical=(5, 38),
            unit="degrees Celsius of the month's mean",
            history="plain",
        ),
        "mean_relative_humidity": Column(
            kind="number",
            required=False,
            empty=True,
            low=0,
            high=100,
            typical=(10, 100),
            unit="per cent, 0 to 100",
            history="plain",
        ),
        "location_name": PLACE_NAME,
    },
    keys=("time_period", "location"),
    place="location",
    rules=(too_many(10, "a tenth", "month"),),
)
