"""The national file of weekly dengue: one row a place and week, the week named by its last day.

CHAP's weekly form names a week by its first and last day, `2003-12-29/2004-01-04`; here the last one stands alone, so
that the weeks of every agency, whatever their first day and number, lie in the calendar.
"""

from tasks.files.columns import Column
from tasks.files.schema import Rule, TableSchema

NAME, FILE = "health_weekly", "health_weekly.csv"
SCHEMA = TableSchema(
    columns={
        "time_period": Column(kind="date"),
        "location": Column(kind="text"),
        "disease_cases": Column(
            kind="number",
            empty=True,
            low=0,
            high=1e7,
            unit="cases of the week, empty if no report came in",
            whole=True,
            grouped=True,
            parts=True,
            history="log",
            offset=20,
            spread=0.4,
            yearly=12,  # epidemics
        ),
        "population": Column(
            kind="number",
            required=False,
            empty=True,
            low=100,
            high=3e8,
            typical=(3e3, 3e8),
            unit="inhabitants, not thousands of them",
            grouped=True,
        ),
        "rainfall": Column(
            kind="number",
            required=False,
            empty=True,
            low=0,
            high=3000,
            typical=(2, 300),
            unit="mm in the whole week",
        ),
        "mean_temperature": Column(
            kind="number",
            required=False,
            empty=True,
            low=-40,
            high=50,
            typical=(-5, 38),
            unit="degrees Celsius of the week's mean",
        ),
        "location_name": Column(kind="text", required=False, empty=True),
    },
    keys=("time_period", "location"),
    place="location",
    rules=(
        Rule(
            columns=("disease_cases", "population"),
            broken=lambda rows: rows["disease_cases"] > rows["population"] / 20,
            shown="disease_cases",
            what="is more than a twentieth of the population in one week",
            remedy="Check both columns for a wrong unit or a cumulated count",
        ),
    ),
)
