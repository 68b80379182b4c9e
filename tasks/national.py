"""The national files of all tasks: what each column means, for clerks who write them and for what checks them."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.agriculture.schema import CROPS, WEATHER, WEATHER_SCHEMA, YIELD_SCHEMA, YIELDS
from tasks.disaster import schema as disaster
from tasks.health.records import FILE as CASES
from tasks.health.schema import SCHEMA as CASES_SCHEMA
from tasks.schema import TableSchema


@dataclass(frozen=True, kw_only=True)
class NationalTable:
    """One file in a country's folder. meaning: column -> what to write, with its unit. place: the column of places."""

    task: str
    title: str
    schema: TableSchema
    place: str
    meaning: Mapping[str, str]
    example: str


_MONTH = "the month the row speaks of, YYYY-MM"
_RAIN = "mm in the whole month (mm a day times the days of the month)"
_HEAT = "deg C, mean of the month (kelvin minus 273.15)"
_SPEI = "standardised precipitation-evapotranspiration index of the country in the month, no unit"
_NINO = "Nino 3.4 anomaly of the month, deg C; not ONI, a mean that looks one month ahead"

TABLES: dict[str, NationalTable] = {
    CASES: NationalTable(
        task="health",
        title="Monthly dengue cases, one row a place and month",
        schema=CASES_SCHEMA,
        place="location",
        meaning={
            "time_period": _MONTH,
            "location": "id of the province, one spelling throughout; the country's code (THA) for the whole country",
            "disease_cases": "cases reported in the month, a whole number; 0 if there were none, empty if none came in",
            "population": "inhabitants of the place, not thousands of them",
            "rainfall": _RAIN,
            "mean_temperature": _HEAT,
            "mean_relative_humidity": "per cent, mean of the month",
            "location_name": "the place's name for people",
        },
        example="2004-12,TH-10,194,6539064,153.2,26.1,61.8,Bangkok",
    ),
    disaster.RECORDS: NationalTable(
        task="disaster",
        title="Rain and floods, one row a 1-degree cell and month",
        schema=disaster.SCHEMA,
        place="location",
        meaning={
            "time_period": _MONTH,
            "location": "id of the cell, its centre: E100.5N014.5, with W and S for west and south",
            "longitude": "of the cell's centre, degrees east, negative in the west",
            "latitude": "of the cell's centre, degrees north, negative in the south",
            "rainfall": f"{_RAIN}; the mean of the cell's gauges",
            "flood": "1 if a flood over the cell began in the month, 0 if none did, empty if nobody kept a record",
            "national_rainfall": f"{_RAIN}, mean of the country in a reanalysis (ERA5), the same in every cell",
            "national_temperature": f"{_HEAT}, mean of the country in a reanalysis (ERA5), the same in every cell",
            "spei": _SPEI,
            "nino34": _NINO,
            "dipole": "Indian Ocean dipole anomaly of the month, deg C",
        },
        example="2004-12,E100.5N014.5,100.5,14.5,153.2,0,149.8,26.1,-0.4,0.71,-0.2",
    ),
    YIELDS: NationalTable(
        task="agriculture",
        title="Yields, one row a crop, place and harvest year",
        schema=YIELD_SCHEMA,
        place="adm_id",
        meaning={
            "crop_name": f"one of {', '.join(CROPS)}; rice_2 is the second rice of a year",
            "country_code": "the country's ISO 3166-1 alpha-3 code, the same in every row",
            "adm_id": "the country's code for the whole country; id of the province; a 1-degree cell as 14.5_100.5, "
            "latitude first",
            "harvest_year": "year in which the harvest month falls",
            "yield": "tonnes a hectare (kg/ha over 1000), empty if not reported",
            "planting_month": "1 to 12, the same in all years of a crop and place; empty with no harvest_month",
            "harvest_month": "1 to 12, the same in all years of a crop and place",
            "area": "hectares, or the share of the cell that the crop covers",
            "observed": "1; 0 for a value that was carried forward from the year before, not observed",
        },
        example="rice,THA,14.5_100.5,2004,3.1,7,12,0.31,1",
    ),
    WEATHER: NationalTable(
        task="agriculture",
        title="Weather for the yields, one row a place and month (optional file)",
        schema=WEATHER_SCHEMA,
        place="adm_id",
        meaning={
            "time_period": _MONTH,
            "adm_id": f"as in {YIELDS}; places without rows of their own take the country's",
            "rainfall": _RAIN,
            "mean_temperature": _HEAT,
            "spei": _SPEI,
            "nino34": _NINO,
        },
        example="2004-12,THA,153.2,26.1,-0.4,0.71",
    ),
}
