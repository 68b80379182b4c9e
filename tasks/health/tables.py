"""The national file of the health task, in a clerk's words."""

from tasks.files.table import HEAT, MONTH, RAIN, NationalTable
from tasks.health.records import FILE
from tasks.health.schema import SCHEMA

TABLES = {
    FILE: NationalTable(
        title="Monthly dengue cases, one row a place and month",
        schema=SCHEMA,
        place="location",
        meaning={
            "time_period": MONTH,
            "location": "id of the province, one spelling throughout; the country's code (THA) for the whole country",
            "disease_cases": "cases reported in the month, a whole number; 0 if there were none, empty if none came in",
            "population": "inhabitants of the place, not thousands of them",
            "rainfall": RAIN,
            "mean_temperature": HEAT,
            "mean_relative_humidity": "per cent, mean of the month",
            "location_name": "the place's name for people",
        },
        example="2004-12,TH-10,194,6539064,153.2,26.1,61.8,Bangkok",
    ),
}
