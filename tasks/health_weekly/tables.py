"""The national file of weekly dengue, in a clerk's words."""

from tasks.files.table import NationalTable
from tasks.health_weekly.schema import FILE, REPORTS, REPORTS_SCHEMA, SCHEMA

TABLES = {
    FILE: NationalTable(
        title="Weekly dengue cases, one row a place and week",
        schema=SCHEMA,
        place="location",
        meaning={
            "time_period": "the last day of the week, YYYY-MM-DD; weeks follow each other every seven days",
            "location": "id of the place, one spelling throughout; the country's code (THA) for the whole country",
            "disease_cases": "cases of the week, a whole number; 0 if there were none, empty if no report came in",
            "population": "inhabitants of the place, not thousands of them",
            "rainfall": "mm in the whole week",
            "mean_temperature": "deg C, mean of the week (kelvin minus 273.15)",
            "location_name": "the place's name for people",
        },
        example="2004-12-25,TH-10,41,6539064,12.4,26.1,Bangkok",
    ),
    REPORTS: NationalTable(
        title="How the weekly counts came in, one row a place, week and day on which its count changed",
        schema=REPORTS_SCHEMA,
        place="location",
        meaning={
            "time_period": "the last day of the week, as in health_weekly.csv",
            "location": "id of the place, as in health_weekly.csv",
            "known_at": "the last day of the week at whose end this count was on record, YYYY-MM-DD",
            "disease_cases": "all cases of the week that were on record then; 0 before the first row of a week",
        },
        example="2004-12-25,TH-10,2005-01-01,38",
    ),
}
