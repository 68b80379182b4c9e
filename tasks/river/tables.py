"""The national files of the river task, in a clerk's words."""

from tasks.files.table import NationalTable
from tasks.river.gauges.listing import lines
from tasks.river.schema import AMOUNTS, DEPTH, GAUGES, GAUGES_SCHEMA, RIVER, RIVER_SCHEMA

TABLES = {
    RIVER: NationalTable(
        title="Flow and weather of rivers, one row a gauge and day",
        schema=RIVER_SCHEMA,
        place="gauge_id",
        meaning={
            "date": "the day the row speaks of, YYYY-MM-DD",
            "gauge_id": "id of the gauge, one spelling throughout, as in river_gauges.csv",
            "streamflow": f"{DEPTH}, mean of the day; empty if it was not measured, never 0 for that",
            "precipitation": "mm on the day, rain and snow, mean of the catchment",
            "temperature": "deg C, mean of the day and the catchment",
            "pet": "potential evapotranspiration, mm on the day",
            "simulated_streamflow": "of a hydrological model, mm a day: a benchmark, never an input of a forecast",
        },
        example="2004-12-03,2070,1.234,0.5,3.1,0.6,1.31",
        notes=lines,
    ),
    GAUGES: NationalTable(
        title="Gauges and their catchments, one row a gauge",
        schema=GAUGES_SCHEMA,
        place="gauge_id",
        meaning={
            "gauge_id": "id of the gauge, as in river.csv",
            "gauge_name": "of the gauge, for people",
            "water_body_name": "river or lake, for people",
            "gauge_lat": "degrees north of the gauge",
            "gauge_lon": "degrees east of the gauge",
            "area": "of the catchment, km2",
            **AMOUNTS,
        },
        example="2070,Emmenmatt,Emme,46.95,7.75,443,1071.37,642.62,2162.42,15.72,4.99,47.73,5.17,45.09,0.52,0,5.38,41.05,"
        "0.24,0,0,1.3,0.12,1.13,13.31,0,77.2,9.49,0,0,0.152,-14.359,1.396,107.131,1.285,48.202,28.593,0,0,57.795,0,0,0,0",
    ),
}
