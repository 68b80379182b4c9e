"""The national files of the agriculture task, in a clerk's words."""

from tasks.agriculture.calendar import dry_seasons
from tasks.agriculture.schema import CROPS, WEATHER, WEATHER_SCHEMA, YIELD_SCHEMA, YIELDS
from tasks.files.table import HEAT, MONTH, NINO, RAIN, SPEI, NationalTable

TABLES = {
    YIELDS: NationalTable(
        title="Yields, one row a crop, place and harvest year",
        schema=YIELD_SCHEMA,
        compared=dry_seasons,
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
        title="Weather for the yields, one row a place and month (optional file)",
        schema=WEATHER_SCHEMA,
        place="adm_id",
        meaning={
            "time_period": MONTH,
            "adm_id": f"as in {YIELDS}; places without rows of their own take the country's",
            "rainfall": RAIN,
            "mean_temperature": HEAT,
            "spei": SPEI,
            "nino34": NINO,
        },
        example="2004-12,THA,153.2,26.1,-0.4,0.71",
    ),
}
