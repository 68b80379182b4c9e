"""The national file of the disaster task, in a clerk's words."""

from tasks.disaster.schema import RECORDS, SCHEMA
from tasks.files.table import HEAT, MONTH, NINO, RAIN, SPEI, NationalTable

TABLES = {
    RECORDS: NationalTable(
        title="Rain and floods, one row a 1-degree cell and month",
        schema=SCHEMA,
        place="location",
        meaning={
            "time_period": MONTH,
            "location": "id of the cell, its centre: E100.5N014.5, with W and S for west and south",
            "longitude": "of the cell's centre, degrees east, negative in the west",
            "latitude": "of the cell's centre, degrees north, negative in the south",
            "rainfall": f"{RAIN}; the mean of the cell's gauges",
            "flood": "1 if a flood over the cell began in the month, 0 if none did, empty if nobody kept a record",
            "national_rainfall": f"{RAIN}, mean of the country in a reanalysis (ERA5), the same in every cell",
            "national_temperature": f"{HEAT}, mean of the country in a reanalysis (ERA5), the same in every cell",
            "spei": SPEI,
            "nino34": NINO,
            "dipole": "Indian Ocean dipole anomaly of the month, deg C",
        },
        example="2004-12,E100.5N014.5,100.5,14.5,153.2,0,149.8,26.1,-0.4,0.71,-0.2",
    ),
}
